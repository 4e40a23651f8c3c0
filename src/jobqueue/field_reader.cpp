#include "src/jobqueue/field_reader.h"

#include <algorithm>

#include "src/jobqueue/units.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

std::string shown(double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

}  // namespace

void Problems::add(int line, const std::string& path, const std::string& message) {
    list_.push_back({file_, line, clean_line(path, 512), clean_line(message, 1024)});
}

FieldReader::FieldReader(const Node* node, std::string path, Problems& problems)
    : line_(node == nullptr ? 0 : node->line), path_(std::move(path)), problems_(problems) {
    if (node == nullptr) return;
    if (node->kind == Node::Kind::mapping)
        node_ = node;
    else
        problems_.add(node->line, path_, "must be a mapping, is " + describe(*node));
}

const Node::Entry* FieldReader::entry(std::string_view name) const {
    if (node_ == nullptr) return nullptr;
    const auto found = std::find_if(node_->entries.begin(), node_->entries.end(),
                                    [name](const Node::Entry& entry) { return entry.key == name; });
    return found == node_->entries.end() ? nullptr : &*found;
}

const Node* FieldReader::find(std::string_view name) {
    known_.push_back(name);
    const auto* found = entry(name);
    return found == nullptr || found->value->kind == Node::Kind::null ? nullptr : found->value.get();
}

void FieldReader::accept(std::initializer_list<std::string_view> names) {
    known_.insert(known_.end(), names.begin(), names.end());
}

void FieldReader::require(std::string_view name) {
    const auto* found = entry(name);
    if (found == nullptr || found->value->kind == Node::Kind::null) complain(name, "is missing");
}

void FieldReader::complain(std::string_view name, const std::string& message) {
    const auto* found = entry(name);
    problems_.add(found == nullptr ? line_ : found->line, child_path(path_, name), message);
}

void FieldReader::read_string(std::string_view name, std::string& out, Complaint (*check)(std::string_view)) {
    const Node* node = find(name);
    if (node == nullptr) return;
    const auto text = as_string(*node);
    if (!text) {
        const bool scalar = node->kind == Node::Kind::plain;
        return complain(name, "must be a string, is " + describe(*node) + (scalar ? ": put it in quotes" : ""));
    }
    if (check != nullptr)
        if (const auto complaint = check(*text))
            return complain(name, *complaint + ", is '" + clean_line(*text, 128) + "'");
    out = *text;
}

void FieldReader::read_boolean(std::string_view name, bool& out) {
    const Node* node = find(name);
    if (node == nullptr) return;
    const auto value = as_boolean(*node);
    if (!value) return complain(name, "must be true or false, is " + describe(*node));
    out = *value;
}

std::optional<std::int64_t> FieldReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const Node* node = find(name);
    if (node == nullptr) return std::nullopt;
    const auto value = as_integer(*node);
    if (value && *value >= least && *value <= most) return value;
    complain(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", is " +
                       describe(*node));
    return std::nullopt;
}

void FieldReader::read_number(std::string_view name, double& out, double least, double most) {
    const Node* node = find(name);
    if (node == nullptr) return;
    const auto value = as_number(*node);
    if (!value || *value < least || *value > most)
        return complain(name,
                        "must be a number from " + shown(least) + " to " + shown(most) + ", is " + describe(*node));
    out = *value;
}

void FieldReader::read_duration(std::string_view name, Duration& out, Duration least, Duration most) {
    const Node* node = find(name);
    if (node == nullptr) return;
    const auto read = read_duration_of(*node, least, most);
    if (!read.value) return complain(name, read.complaint);
    out = *read.value;
}

void FieldReader::read_size(std::string_view name, std::int64_t& out, std::int64_t least, std::int64_t most) {
    const Node* node = find(name);
    if (node == nullptr) return;
    auto value = as_integer(*node);
    if (const auto text = as_string(*node); text && !value) value = parse_size(*text);
    if (!value) return complain(name, "must be a size in bytes, as in 128Ki or 1Mi, is " + describe(*node));
    if (*value < least || *value > most)
        return complain(name, "must be from " + std::to_string(least) + " to " + std::to_string(most) + " bytes, is " +
                                  describe(*node));
    out = *value;
}

void FieldReader::read_strings(std::string_view name, std::map<std::string, std::string>& out) {
    const Node* node = find(name);
    if (node == nullptr) return;
    if (node->kind != Node::Kind::mapping) return complain(name, "must be a mapping, is " + describe(*node));
    const auto path = child_path(path_, name);
    for (const auto& entry : node->entries) {
        if (entry.value->kind == Node::Kind::null) continue;
        const auto text = as_string(*entry.value);
        if (text) {
            out[entry.key] = *text;
            continue;
        }
        const bool scalar = entry.value->kind == Node::Kind::plain;
        problems_.add(entry.line, child_path(path, entry.key),
                      "must be a string, is " + describe(*entry.value) + (scalar ? ": put it in quotes" : ""));
    }
}

void FieldReader::read_settings(std::string_view name, std::map<std::string, std::string>& out, std::size_t most) {
    const Node* node = find(name);
    if (node == nullptr) return;
    if (node->kind != Node::Kind::mapping) return complain(name, "must be a mapping, is " + describe(*node));
    if (node->entries.size() > most)
        complain(name,
                 "must have at most " + std::to_string(most) + " entries, has " + std::to_string(node->entries.size()));
    const auto path = child_path(path_, name);
    for (const auto& entry : node->entries) {
        if (entry.value->kind == Node::Kind::null) continue;
        if (const auto text = as_string(*entry.value)) {
            out[entry.key] = *text;
            continue;
        }
        if (const auto number = as_integer(*entry.value)) {
            out[entry.key] = std::to_string(*number);
            continue;
        }
        const bool scalar = entry.value->kind == Node::Kind::plain;
        problems_.add(
            entry.line, child_path(path, entry.key),
            "must be a string or a whole number, is " + describe(*entry.value) + (scalar ? ": put it in quotes" : ""));
    }
}

void FieldReader::read_texts(std::string_view name, std::vector<std::string>& out) {
    if (find(name) == nullptr) return;
    std::vector<std::string> texts;
    bool is_wrong = false;
    read_sequence(name, [&](const Node& item, const std::string& path) {
        const auto text = as_string(item);
        if (text && !text->empty()) {
            texts.emplace_back(*text);
        } else {
            is_wrong = true;
            problems_.add(item.line, path, "must be a string, is " + describe(item));
        }
    });
    if (!is_wrong) out = std::move(texts);
}

void FieldReader::read_sequence(std::string_view name,
                                const std::function<void(const Node& item, const std::string& path)>& read_item) {
    const Node* node = find(name);
    if (node == nullptr) return;
    if (node->kind != Node::Kind::sequence) return complain(name, "must be a list, is " + describe(*node));
    for (std::size_t i = 0; i < node->items.size(); ++i)
        read_item(*node->items[i], child_path(path_, name) + "[" + std::to_string(i) + "]");
}

std::optional<std::size_t> FieldReader::choice_index(std::string_view name,
                                                     const std::vector<std::string_view>& choices) {
    const Node* node = find(name);
    if (node == nullptr) return std::nullopt;
    const auto text = as_string(*node);
    const auto found = text ? std::find(choices.begin(), choices.end(), *text) : choices.end();
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());

    std::string message = "must be ";
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) message += i + 1 == choices.size() ? " or " : ", ";
        message += choices[i];
    }
    message += ", is " + describe(*node);
    if (const auto near = text ? nearest_name(*text, choices) : std::string_view{}; !near.empty())
        message += ": did you mean '" + std::string(near) + "'?";
    complain(name, message);
    return std::nullopt;
}

void FieldReader::refuse_unknown() {
    if (node_ == nullptr) return;
    for (const auto& entry : node_->entries) {
        if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
        const auto path = child_path(path_, entry.key);
        if (entry.key == "<<") {
            problems_.add(entry.line, path, "merging is not supported: write the fields out");
            continue;
        }
        const auto near = nearest_name(entry.key, known_);
        problems_.add(
            entry.line, path,
            near.empty() ? "is not a known field" : "is not a known field: did you mean '" + std::string(near) + "'?");
    }
}

ReadDuration read_duration_of(const Node& node, Duration least, Duration most) {
    if (as_integer(node))
        return {std::nullopt, "needs a unit, as in " + clean_line(node.text, 32) + "s, 500ms or 1h30m"};
    const bool scalar = node.kind == Node::Kind::plain || node.kind == Node::Kind::text;
    const auto value = scalar ? parse_duration(node.text) : std::nullopt;
    if (!value) return {std::nullopt, "must be a duration, as in 30s, 500ms or 1h30m, is " + describe(node)};
    if (*value < least || *value > most)
        return {std::nullopt, "must be from " + format_duration(least) + " to " + format_duration(most) + ", is " +
                                  clean_line(node.text, 32)};
    return {value, {}};
}

}  // namespace drover::jobqueue
