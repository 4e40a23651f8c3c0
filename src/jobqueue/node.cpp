#include "src/jobqueue/node.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using nlohmann::json;

constexpr std::size_t max_text = 1 << 20;
constexpr std::size_t max_depth = 64;
// A node counts 32 and its text. Without aliases a text within max_text stays far below; with them, little can say
// much.
constexpr std::size_t max_weight = 16 << 20;
constexpr std::size_t node_weight = 32;

// Why reading stopped. Thrown through the libraries' parsers, caught in read_yaml and read_json.
struct Refusal {
    int line;
    std::string message;
};

// Puts a parser's events together.
class TreeBuilder {
public:
    TreeBuilder(const std::string& file, std::vector<Problem>& problems) : file_(file), problems_(problems) {}

    // A node begins; a scalar ends at once, the others with close().
    NodePtr scalar(Node::Kind kind, int line, std::string text) {
        auto node = std::make_shared<Node>();
        node->kind = kind;
        node->line = line;
        node->text = std::move(text);
        node->weight = node_weight + node->text.size();
        place(node);
        return node;
    }

    void open(Node::Kind kind, int line) {
        if (open_.size() >= max_depth)
            throw Refusal{line, "nested deeper than " + std::to_string(max_depth) + " levels"};
        Level level;
        level.node = std::make_shared<Node>();
        level.node->kind = kind;
        level.node->line = line;
        level.node->weight = node_weight;
        open_.push_back(std::move(level));
    }

    NodePtr close() {
        NodePtr node = std::move(open_.back().node);
        open_.pop_back();
        place(node);
        return node;
    }

    void key(int line, std::string name) {
        Level& level = open_.back();
        level.node->weight += node_weight + name.size();
        level.is_duplicate = !level.seen.insert(name).second;
        level.entry = Node::Entry{std::move(name), line, nullptr};
        if (level.is_duplicate) problems_.push_back({file_, line, path(), "is given twice"});
    }

    // A node that is complete: a scalar, a mapping that closes, or what an alias names.
    void place(NodePtr node) {
        if (node->weight > max_weight) throw Refusal{node->line, "is too large once its aliases are written out"};
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Level& level = open_.back();
        if (level.node->kind == Node::Kind::mapping && !level.entry) {
            const bool scalar = node->kind == Node::Kind::plain || node->kind == Node::Kind::text;
            if (!scalar) throw Refusal{node->line, "a field's name must be a word, not " + describe(*node)};
            key(node->line, node->text);
            return;
        }
        level.node->weight += node->weight;
        if (level.node->weight > max_weight) throw Refusal{node->line, "is too large once its aliases are written out"};
        if (level.node->kind == Node::Kind::sequence) {
            level.node->items.push_back(std::move(node));
            return;
        }
        level.entry->value = std::move(node);
        if (!level.is_duplicate) level.node->entries.push_back(std::move(*level.entry));
        level.entry.reset();
    }

    // The document, whose end was seen; nothing when there was none.
    NodePtr take() { return std::move(root_); }

private:
    struct Level {
        std::shared_ptr<Node> node;
        std::optional<Node::Entry> entry;  // of a mapping: the field whose value comes next
        bool is_duplicate = false;
        std::unordered_set<std::string> seen;
    };

    std::string path() const {
        std::string path;
        for (const auto& level : open_) {
            if (level.node->kind == Node::Kind::sequence)
                path += "[" + std::to_string(level.node->items.size()) + "]";
            else if (level.entry)
                path = child_path(path, level.entry->key);
        }
        return path;
    }

    const std::string& file_;
    std::vector<Problem>& problems_;
    std::vector<Level> open_;
    NodePtr root_;
};

class YamlEvents final : public YAML::EventHandler {
public:
    explicit YamlEvents(TreeBuilder& builder) : builder_(builder) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        // At a token that begins no node, such as a stray comma, yaml-cpp gives empty documents for ever.
        if (mark.pos == document_start_) throw Refusal{line(mark), "is not YAML: unexpected character"};
        document_start_ = mark.pos;
        anchors_.clear();
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { scalar(Node::Kind::null, mark, anchor, {}); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        scalar(tag == "?" || is_scalar_tag(tag) ? Node::Kind::plain : text_kind(tag, mark), mark, anchor, value);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw Refusal{line(mark), "an alias names what it is itself a part of"};
        builder_.place(found->second);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::sequence, "tag:yaml.org,2002:seq", mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::mapping, "tag:yaml.org,2002:map", mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

private:
    static int line(const YAML::Mark& mark) { return mark.line + 1; }

    static bool is_scalar_tag(const std::string& tag) {
        return tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" || tag == "tag:yaml.org,2002:bool";
    }
    static Node::Kind text_kind(const std::string& tag, const YAML::Mark& mark) {
        if (tag == "!" || tag == "tag:yaml.org,2002:str") return Node::Kind::text;
        throw Refusal{line(mark), "the tag '" + clean_line(tag, 64) + "' is not supported"};
    }

    void scalar(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, std::string text) {
        NodePtr node = builder_.scalar(kind, line(mark), std::move(text));
        if (anchor != YAML::NullAnchor) anchors_[anchor] = std::move(node);
    }
    void open(Node::Kind kind, std::string_view own_tag, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        if (tag != "?" && tag != "!" && tag != own_tag && !tag.empty())
            throw Refusal{line(mark), "the tag '" + clean_line(tag, 64) + "' is not supported"};
        builder_.open(kind, line(mark));
        open_anchors_.push_back(anchor);
    }
    void close() {
        const auto anchor = open_anchors_.back();
        open_anchors_.pop_back();
        NodePtr node = builder_.close();
        if (anchor != YAML::NullAnchor) anchors_[anchor] = std::move(node);
    }

    TreeBuilder& builder_;
    int document_start_ = -1;
    std::vector<YAML::anchor_t> open_anchors_;
    std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
};

class JsonEvents final : public nlohmann::json_sax<json> {
public:
    explicit JsonEvents(TreeBuilder& builder) : builder_(builder) {}

    bool null() override { return scalar(Node::Kind::null, {}); }
    bool boolean(bool value) override { return scalar(Node::Kind::plain, value ? "true" : "false"); }
    bool number_integer(std::int64_t value) override { return scalar(Node::Kind::plain, std::to_string(value)); }
    bool number_unsigned(std::uint64_t value) override { return scalar(Node::Kind::plain, std::to_string(value)); }
    bool number_float(double /*value*/, const std::string& text) override { return scalar(Node::Kind::plain, text); }
    bool string(std::string& value) override { return scalar(Node::Kind::text, std::move(value)); }
    bool binary(json::binary_t& /*value*/) override { return false; }
    bool start_object(std::size_t /*elements*/) override { return open(Node::Kind::mapping); }
    bool key(std::string& name) override {
        builder_.key(0, std::move(name));
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t /*elements*/) override { return open(Node::Kind::sequence); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        throw Refusal{0, "is not JSON: unexpected at byte " + std::to_string(position)};
    }

private:
    bool scalar(Node::Kind kind, std::string text) {
        builder_.scalar(kind, 0, std::move(text));
        return true;
    }
    bool open(Node::Kind kind) {
        builder_.open(kind, 0);
        return true;
    }
    bool close() {
        builder_.close();
        return true;
    }

    TreeBuilder& builder_;
};

int line_of(std::string_view text, std::size_t pos) {
    return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(pos), '\n'));
}

// What makes a text unfit for either parser. yaml-cpp takes a 0x04 for the end of the text.
std::optional<Problem> unfit(std::string_view text, const std::string& file) {
    if (text.size() > max_text) return Problem{file, 0, "", "is larger than 1 MiB"};
    if (const auto pos = find_invalid_utf8(text)) return Problem{file, line_of(text, *pos), "", "is not UTF-8 text"};
    for (std::size_t pos = 0; pos < text.size(); ++pos) {
        const auto c = static_cast<unsigned char>(text[pos]);
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
            return Problem{file, line_of(text, pos), "", "contains a control character"};
    }
    return std::nullopt;
}

struct PlainInteger {
    bool negative = false;
    std::uint64_t magnitude = 0;
};

// Decimal, 0x, 0b, 0o and, as YAML 1.1 has it, octal after a leading zero. `1_000` is left a string.
std::optional<PlainInteger> plain_integer(std::string_view text) {
    PlainInteger value;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        value.negative = text.front() == '-';
        text.remove_prefix(1);
    }
    int base = 10;
    if (text.size() > 1 && text.front() == '0') {
        base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
        text.remove_prefix(text[1] == 'x' || text[1] == 'b' || text[1] == 'o' ? 2 : 1);
    }
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value.magnitude, base);
    if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

}  // namespace

std::optional<bool> as_boolean(const Node& node) {
    if (node.kind != Node::Kind::plain) return std::nullopt;
    static constexpr std::array<std::string_view, 11> yes{"true", "True", "TRUE", "yes", "Yes", "YES",
                                                          "on",   "On",   "ON",   "y",   "Y"};
    static constexpr std::array<std::string_view, 11> no{"false", "False", "FALSE", "no", "No", "NO",
                                                         "off",   "Off",   "OFF",   "n",  "N"};
    if (std::find(yes.begin(), yes.end(), node.text) != yes.end()) return true;
    if (std::find(no.begin(), no.end(), node.text) != no.end()) return false;
    return std::nullopt;
}

std::optional<std::int64_t> as_integer(const Node& node) {
    if (node.kind != Node::Kind::plain) return std::nullopt;
    const auto value = plain_integer(node.text);
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value || value->magnitude > most + (value->negative ? 1 : 0)) return std::nullopt;
    return static_cast<std::int64_t>(value->negative ? 0 - value->magnitude : value->magnitude);
}

std::optional<double> as_number(const Node& node) {
    if (node.kind != Node::Kind::plain) return std::nullopt;
    if (const auto integer = plain_integer(node.text))
        return integer->negative ? -static_cast<double>(integer->magnitude) : static_cast<double>(integer->magnitude);
    std::string_view text = node.text;
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    // from_chars also takes "inf" and "nan", which JSON has no word for.
    if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
    double value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<std::string_view> as_string(const Node& node) {
    if (node.kind == Node::Kind::text) return node.text;
    if (node.kind != Node::Kind::plain || as_boolean(node) || as_number(node)) return std::nullopt;
    return node.text;
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::sequence: return "a list";
        case Node::Kind::mapping: return "a mapping";
        case Node::Kind::plain:
        case Node::Kind::text: break;
    }
    const auto shown = clean_line(node.text, 64) + (node.text.size() > 64 ? "…" : "");
    return as_string(node) ? "the string '" + shown + "'" : shown;
}

json to_json(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return nullptr;
        case Node::Kind::text: return node.text;
        case Node::Kind::plain: {
            if (const auto flag = as_boolean(node)) return *flag;
            if (const auto integer = as_integer(node)) return *integer;
            if (const auto big = plain_integer(node.text); big && !big->negative) return big->magnitude;
            if (const auto number = as_number(node)) return *number;
            return node.text;
        }
        case Node::Kind::sequence: {
            json list = json::array();
            for (const auto& item : node.items) list.push_back(to_json(*item));
            return list;
        }
        case Node::Kind::mapping: {
            json object = json::object();
            for (const auto& entry : node.entries) object[entry.key] = to_json(*entry.value);
            return object;
        }
    }
    return nullptr;
}

std::string child_path(const std::string& path, std::string_view key) {
    const bool plain_word = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain_word) return path + "['" + clean_line(key, 128) + "']";
    return (path.empty() ? path : path + ".") + std::string(key.substr(0, 128));
}

Documents read_yaml(std::string_view text, const std::string& file) {
    Documents result;
    if (auto problem = unfit(text, file)) {
        result.problems.push_back(std::move(*problem));
        return result;
    }
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        TreeBuilder builder(file, result.problems);
        YamlEvents events(builder);
        while (parser.HandleNextDocument(events)) {
            if (NodePtr document = builder.take(); document && document->kind != Node::Kind::null)
                result.documents.push_back(std::move(document));
        }
    } catch (const Refusal& refusal) {
        result.problems.push_back({file, refusal.line, "", refusal.message});
    } catch (const YAML::Exception& error) {
        result.problems.push_back(
            {file, error.mark.is_null() ? 0 : error.mark.line + 1, "", "is not YAML: " + clean_line(error.msg, 256)});
    }
    return result;
}

Documents read_json(std::string_view text, const std::string& file) {
    Documents result;
    if (auto problem = unfit(text, file)) {
        result.problems.push_back(std::move(*problem));
        return result;
    }
    TreeBuilder builder(file, result.problems);
    JsonEvents events(builder);
    try {
        if (json::sax_parse(text, &events)) {
            if (NodePtr document = builder.take(); document && document->kind != Node::Kind::null)
                result.documents.push_back(std::move(document));
        }
    } catch (const Refusal& refusal) {
        result.problems.push_back({file, refusal.line, "", refusal.message});
    }
    return result;
}

}  // namespace drover::jobqueue
