#include "gateway/core/json_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <re2/re2.h>

#include "src/base/percent.h"
#include "src/base/time.h"

namespace drover::gateway {
namespace {

using nlohmann::json;
using Schema = SchemaNode::Schema;

constexpr std::size_t most_in_place = 30;  // schemas within each other that judge the same value
constexpr long double most_counted = 1e15L;
constexpr std::size_t max_where = 200;
constexpr std::int64_t most_pattern_bytes = 256 * 1024;  // of memory, each
constexpr int most_pattern_steps = 100'000;              // of all patterns' programs
constexpr int steps_of_a_pattern = 250;                  // at least

constexpr std::array<std::string_view, 7> type_names = {"null",   "boolean", "integer", "number",
                                                        "string", "array",   "object"};

// ECMAScript's \u0041 as RE2 writes it.
std::string with_code_points(std::string_view pattern) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        out.push_back(pattern[i]);
        if (pattern[i] != '\\' || i + 1 == pattern.size()) continue;
        const std::string_view digits = pattern.substr(i + 1).substr(0, 5);
        const bool is_code_point = digits.size() == 5 && digits[0] == 'u' &&
                                   digits.find_first_not_of("0123456789abcdefABCDEF", 1) == digits.npos;
        if (is_code_point) {
            out.append("x{").append(digits.substr(1)).append("}");
            i += 5;
        } else {
            out.push_back(pattern[++i]);
        }
    }
    return out;
}

// Each schema is compiled once, wherever it is referred to from, and one after the other: nesting costs no stack.
class Compiler {
public:
    explicit Compiler(const json& root) : root_(root) {}

    Result<std::vector<std::unique_ptr<SchemaNode>>> compile() {
        schema_at(root_, "#");
        for (std::size_t i = 0; i < open_.size() && fault_.empty(); ++i) {
            const auto [tree, where] = open_[i];
            where_ = where;
            fill(*nodes_[i], *tree);
        }
        for (std::size_t i = 0; i < open_.size() && fault_.empty(); ++i) {
            where_ = open_[i].second;
            height_of(nodes_[i].get(), 1);
        }
        if (!fault_.empty()) return failure(Error::Code::invalid, fault_);
        return std::move(nodes_);
    }

private:
    // Only the first one is told; what is read after it is of no use.
    void complain(const std::string& what) {
        if (fault_.empty()) fault_ = "the schema at " + where_ + ": " + what;
    }

    Schema schema_at(const json& tree, std::string where) {
        const auto [known, is_new] = known_.try_emplace(&tree, nullptr);
        if (is_new) {
            known->second = nodes_.emplace_back(std::make_unique<SchemaNode>()).get();
            where.resize(std::min(where.size(), max_where));
            open_.emplace_back(&tree, std::move(where));
        }
        return known->second;
    }

    void fill(SchemaNode& node, const json& tree) {
        if (tree.is_boolean()) {
            node.takes_nothing = !tree.get<bool>();
            return;
        }
        if (!tree.is_object()) return complain("must be an object, true or false");
        if (tree.contains("$ref")) {
            node.reference = referred(tree.at("$ref"));
            return;
        }
        read_values(node, tree);
        read_numbers(node, tree);
        read_texts(node, tree);
        read_arrays(node, tree);
        read_objects(node, tree);
        read_combinations(node, tree);
    }

    Schema referred(const json& reference) {
        const std::string text = reference.is_string() ? reference.get<std::string>() : "";
        if (!text.starts_with('#')) {
            complain("$ref must lead into this schema, as # and a JSON pointer");
            return nullptr;
        }
        try {
            return schema_at(root_.at(json::json_pointer(percent_decode(text.substr(1)).value_or("?"))), text);
        } catch (const json::exception&) {
            complain("$ref leads nowhere: " + text);
            return nullptr;
        }
    }

    static const json* find(const json& tree, const char* name) {
        const auto found = tree.find(name);
        return found == tree.end() ? nullptr : &*found;
    }

    void read_values(SchemaNode& node, const json& tree) {
        if (const json* type = find(tree, "type")) {
            const json all = type->is_array() ? *type : json::array({*type});
            for (const json& each : all) {
                const std::string name = each.is_string() ? each.get<std::string>() : "";
                if (std::ranges::find(type_names, name) == type_names.end()) {
                    complain("type must be of null, boolean, integer, number, string, array and object");
                }
                node.types.push_back(name);
            }
            if (node.types.empty()) complain("type must name at least one");
        }
        if (const json* constant = find(tree, "const")) node.constant = *constant;
        if (const json* choice = find(tree, "enum")) {
            if (!choice->is_array()) return complain("enum must be a list");
            node.choice = choice->get<std::vector<json>>();
        }
    }

    std::optional<long double> number_at(const json& tree, const char* name) {
        const json* value = find(tree, name);
        if (value == nullptr) return std::nullopt;
        if (value->is_number()) return value->get<long double>();
        complain(std::string(name) + " must be a number");
        return std::nullopt;
    }

    std::optional<std::size_t> count_at(const json& tree, const char* name) {
        const auto number = number_at(tree, name);
        if (!number) return std::nullopt;
        if (*number > most_counted) return std::numeric_limits<std::size_t>::max();
        if (*number >= 0 && std::floor(*number) == *number) return static_cast<std::size_t>(*number);
        complain(std::string(name) + " must be a whole number from 0");
        return std::nullopt;
    }

    void read_numbers(SchemaNode& node, const json& tree) {
        node.least = number_at(tree, "minimum");
        node.most = number_at(tree, "maximum");
        node.above = number_at(tree, "exclusiveMinimum");
        node.below = number_at(tree, "exclusiveMaximum");
        node.multiple_of = number_at(tree, "multipleOf");
        if (node.multiple_of && *node.multiple_of <= 0) complain("multipleOf must be above 0");
    }

    SchemaNode::Pattern pattern_of(const std::string& text) {
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(most_pattern_bytes);
        auto pattern = std::make_shared<const re2::RE2>(with_code_points(text), options);
        if (!pattern->ok()) complain("the pattern " + text + " cannot be used: " + pattern->error());
        pattern_steps_ += std::max(pattern->ProgramSize(), steps_of_a_pattern);
        if (pattern_steps_ > most_pattern_steps) complain("there are too many patterns, or too large ones");
        return pattern;
    }

    std::string text_at(const json& tree, const char* name) {
        const json* value = find(tree, name);
        if (value == nullptr) return "";
        if (value->is_string()) return value->get<std::string>();
        complain(std::string(name) + " must be a string");
        return "";
    }

    void read_texts(SchemaNode& node, const json& tree) {
        node.min_length = count_at(tree, "minLength");
        node.max_length = count_at(tree, "maxLength");
        if (const std::string pattern = text_at(tree, "pattern"); !pattern.empty()) node.pattern = pattern_of(pattern);
        node.format = text_at(tree, "format");
    }

    bool flag_at(const json& tree, const char* name) {
        const json* value = find(tree, name);
        if (value == nullptr) return false;
        if (value->is_boolean()) return value->get<bool>();
        complain(std::string(name) + " must be true or false");
        return false;
    }

    Schema child(const json& tree, const char* name) {
        const json* value = find(tree, name);
        return value == nullptr ? nullptr : schema_at(*value, where_ + "/" + name);
    }

    std::vector<Schema> children(const json& tree, const char* name) {
        std::vector<Schema> all;
        const json* list = find(tree, name);
        if (list == nullptr) return all;
        if (!list->is_array()) {
            complain(std::string(name) + " must be a list of schemas");
            return all;
        }
        for (const json& each : *list) {
            all.push_back(schema_at(each, where_ + "/" + name + "/" + std::to_string(all.size())));
        }
        return all;
    }

    const json& object_at(const json& tree, const char* name) {
        static const json none = json::object();
        const json* value = find(tree, name);
        if (value == nullptr) return none;
        if (value->is_object()) return *value;
        complain(std::string(name) + " must be an object");
        return none;
    }

    void read_arrays(SchemaNode& node, const json& tree) {
        node.min_items = count_at(tree, "minItems");
        node.max_items = count_at(tree, "maxItems");
        node.unique_items = flag_at(tree, "uniqueItems");
        node.contains = child(tree, "contains");
        const json* items = find(tree, "items");
        if (items == nullptr) return;
        if (items->is_array()) {
            node.first_items = children(tree, "items");
            node.additional_items = child(tree, "additionalItems");
        } else {
            node.each_item = child(tree, "items");
        }
    }

    std::vector<std::string> names_of(const json& list, const std::string& what) {
        const bool are_texts =
            list.is_array() && std::ranges::all_of(list, [](const json& each) { return each.is_string(); });
        if (are_texts) return list.get<std::vector<std::string>>();
        complain(what + " must be a list of strings");
        return {};
    }

    void read_objects(SchemaNode& node, const json& tree) {
        node.min_properties = count_at(tree, "minProperties");
        node.max_properties = count_at(tree, "maxProperties");
        if (const json* required = find(tree, "required")) node.required = names_of(*required, "required");
        for (const auto& [name, schema] : object_at(tree, "properties").items()) {
            node.properties[name] = schema_at(schema, where_ + "/properties/" + name);
        }
        for (const auto& [pattern, schema] : object_at(tree, "patternProperties").items()) {
            node.pattern_properties.emplace_back(pattern_of(pattern),
                                                 schema_at(schema, where_ + "/patternProperties/" + pattern));
        }
        node.additional_properties = child(tree, "additionalProperties");
        node.property_names = child(tree, "propertyNames");
        for (const auto& [name, needs] : object_at(tree, "dependencies").items()) {
            SchemaNode::Dependency& dependency = node.dependencies[name];
            if (needs.is_array())
                dependency.names = names_of(needs, "dependencies");
            else
                dependency.schema = schema_at(needs, where_ + "/dependencies/" + name);
        }
    }

    void read_combinations(SchemaNode& node, const json& tree) {
        node.all_of = children(tree, "allOf");
        node.any_of = children(tree, "anyOf");
        node.one_of = children(tree, "oneOf");
        node.is_not = child(tree, "not");
        node.condition = child(tree, "if");
        node.then = child(tree, "then");
        node.otherwise = child(tree, "else");
    }

    // How many schemas judge one value within each other, from this one on.
    std::size_t height_of(Schema node, std::size_t level) {
        if (node == nullptr) return 0;
        const auto [known, is_new] = heights_.try_emplace(node, 0);
        if (!is_new && known->second == 0) complain("comes back to itself without a step into the value");
        if (!is_new) return known->second;
        std::size_t highest = 0;
        const auto look = [&](Schema below) { highest = std::max(highest, height_of(below, level + 1)); };
        if (level <= most_in_place) {
            look(node->reference);
            for (const auto* list : {&node->all_of, &node->any_of, &node->one_of}) std::ranges::for_each(*list, look);
            for (const Schema each : {node->is_not, node->condition, node->then, node->otherwise}) look(each);
            for (const auto& [name, dependency] : node->dependencies) look(dependency.schema);
        }
        if (std::max(level, highest + 1) > most_in_place)
            complain("has more than 30 schemas in each other for one value");
        return heights_[node] = highest + 1;
    }

    const json& root_;
    std::vector<std::unique_ptr<SchemaNode>> nodes_;
    std::vector<std::pair<const json*, std::string>> open_;  // of each node
    std::map<const json*, SchemaNode*> known_;
    std::map<Schema, std::size_t> heights_;
    std::string where_, fault_;
    int pattern_steps_ = 0;
};

// Where in the value; lives on the stack of those who go into it.
struct Place {
    const Place* outer = nullptr;
    const std::string* name = nullptr;  // of a member; null: an item
    std::size_t index = 0;
};

void append_place(std::string& out, const Place* place) {
    if (place == nullptr) return;
    append_place(out, place->outer);
    if (place->name != nullptr)
        out.append(".").append(*place->name);
    else
        out.append("[").append(std::to_string(place->index)).append("]");
}

std::size_t bytes_of(const json& value) {
    switch (value.type()) {
        case json::value_t::object: {
            std::size_t sum = 2;
            for (const auto& [name, each] : value.items()) sum += name.size() + bytes_of(each);
            return sum;
        }
        case json::value_t::array: {
            std::size_t sum = 2;
            for (const json& each : value) sum += bytes_of(each);
            return sum;
        }
        case json::value_t::string: return value.get_ref<const std::string&>().size() + 2;
        default: return 8;
    }
}

bool is_whole(const json& value) {
    if (value.is_number_integer()) return true;
    return value.is_number_float() && std::floor(value.get<double>()) == value.get<double>();
}

bool is_of_type(const json& value, std::string_view type) {
    if (type == "integer") return is_whole(value);
    return type == (value.is_number() ? std::string_view("number") : std::string_view(value.type_name()));
}

bool is_multiple(const json& value, long double of) {
    const long double quotient = value.get<long double>() / of;
    if (!std::isfinite(quotient)) return false;
    // What is no multiple as it is written is one as a double: 0.0075 of 0.0001.
    const long double rounding = 4 * std::numeric_limits<double>::epsilon() * std::max(1.0L, std::abs(quotient));
    return std::abs(quotient - std::round(quotient)) <= (is_whole(value) && std::floor(of) == of ? 0 : rounding);
}

std::size_t length_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool fits_format(const std::string& text, std::string_view format) {
    constexpr std::size_t longest = 64;
    if (text.size() > longest) return format != "date-time" && format != "date" && format != "time";
    if (format == "date-time") return parse_rfc3339(text).has_value();
    if (format == "date") return text.size() == 10 && parse_rfc3339(text + "T00:00:00Z").has_value();
    if (format == "time") return parse_rfc3339("2000-01-01T" + text).has_value();
    return true;
}

std::string number_text(long double number) {
    const bool is_short = std::abs(number) < most_counted && std::floor(number) == number;
    return is_short ? std::to_string(static_cast<std::int64_t>(number)) : json(static_cast<double>(number)).dump();
}

// One value on its way through the schemas.
class Judge {
public:
    Judge(const json& value, std::string name, std::size_t most)
        : name_(std::move(name)), most_(most), steps_left_(least_steps + steps_a_byte * bytes_of(value)) {}

    std::vector<std::string> judge(const SchemaNode& schema, const json& value) {
        judge(schema, value, nullptr);
        if (steps_left_ == 0) complaints_ = {name_ + " cannot be checked: its schema asks for too much"};
        return std::move(complaints_);
    }

private:
    static constexpr std::size_t least_steps = 10'000, steps_a_byte = 16;
    static constexpr std::size_t bytes_a_step = 4;  // of a text that is searched
    static constexpr std::size_t pattern_steps_at_once = 500;
    static constexpr std::size_t most_shown = 1000;

    // --- what goes on is of no use

    bool spend(std::size_t steps) {
        steps_left_ -= std::min(steps, steps_left_);
        return steps_left_ > 0;
    }
    bool is_over() const { return steps_left_ == 0 || complaints_.size() >= most_ || (quiet_ > 0 && failed_); }

    void complain(const Place* place, const std::string& what) {
        failed_ = true;
        if (quiet_ > 0 || complaints_.size() >= most_) return;
        std::string line = name_;
        append_place(line, place);
        complaints_.push_back(line + " " + what);
    }

    // Whether it fits, without a word.
    bool fits(Schema schema, const json& value, const Place* place) {
        const bool failed_before = std::exchange(failed_, false);
        ++quiet_;
        judge(*schema, value, place);
        --quiet_;
        return !std::exchange(failed_, failed_before);
    }

    // --- what things cost

    static std::size_t size_of(const json& value) {
        return value.is_string() ? value.get_ref<const std::string&>().size() : value.size();
    }
    // Two of unlike sizes are told apart at once.
    bool spend_on_both(const json& a, const json& b) {
        const bool are_alike = a.type() == b.type() && size_of(a) == size_of(b);
        return spend(1 + (are_alike ? bytes_of(a) / bytes_a_step : 0));
    }
    // Of texts and lists the order goes by what they begin with, of whatever size they are.
    bool spend_on_order(const json& a, const json& b) {
        return spend(1 + (a.type() == b.type() ? std::min(bytes_of(a), bytes_of(b)) / bytes_a_step : 0));
    }
    bool spend_on_text(std::size_t bytes, std::size_t times) { return spend(1 + bytes / bytes_a_step * times); }

    // --- the rules

    void judge(const SchemaNode& schema, const json& value, const Place* place) {
        if (is_over() || !spend(1)) return;
        if (schema.reference != nullptr) return judge(*schema.reference, value, place);
        if (schema.takes_nothing) return complain(place, "may not be there");
        judge_any(schema, value, place);
        if (value.is_number()) judge_number(schema, value, place);
        if (value.is_string()) judge_text(schema, value.get_ref<const std::string&>(), place);
        if (value.is_array()) judge_array(schema, value, place);
        if (value.is_object()) judge_object(schema, value, place);
        judge_combinations(schema, value, place);
    }

    void judge_any(const SchemaNode& schema, const json& value, const Place* place) {
        const auto is_type = [&](const std::string& type) { return is_of_type(value, type); };
        if (!schema.types.empty() && std::ranges::none_of(schema.types, is_type)) {
            std::string names;
            for (const std::string& each : schema.types) names += (names.empty() ? "" : " or ") + each;
            complain(place, "must be of type " + names);
        }
        const auto is_same = [&](const json& other) { return spend_on_both(value, other) && other == value; };
        if (schema.constant && !is_same(*schema.constant)) complain(place, "must be " + shown(*schema.constant));
        if (schema.choice && std::ranges::none_of(*schema.choice, is_same)) {
            complain(place, "must be one of " + shown(*schema.choice));
        }
    }

    // For a complaint; of one that nobody hears nothing.
    std::string shown(const json& value) const {
        if (quiet_ > 0 || complaints_.size() >= most_) return "";
        std::string text =
            value.dump(-1, ' ', true, json::error_handler_t::replace);  // in ASCII: it may be cut anywhere
        if (text.size() > most_shown) text.replace(most_shown, std::string::npos, "…");
        return text;
    }

    void judge_number(const SchemaNode& schema, const json& value, const Place* place) {
        const auto number = value.get<long double>();
        if (schema.least && number < *schema.least) complain(place, "must be at least " + number_text(*schema.least));
        if (schema.most && number > *schema.most) complain(place, "must be at most " + number_text(*schema.most));
        if (schema.above && number <= *schema.above) complain(place, "must be above " + number_text(*schema.above));
        if (schema.below && number >= *schema.below) complain(place, "must be below " + number_text(*schema.below));
        if (schema.multiple_of && !is_multiple(value, *schema.multiple_of)) {
            complain(place, "must be a multiple of " + number_text(*schema.multiple_of));
        }
    }

    void check_count(std::size_t count, const std::optional<std::size_t>& least, const std::optional<std::size_t>& most,
                     const char* of, const Place* place) {
        if (least && count < *least) complain(place, "must have at least " + std::to_string(*least) + of);
        if (most && count > *most) complain(place, "must have at most " + std::to_string(*most) + of);
    }

    // A long text or a large pattern may cost their product.
    bool matches(const SchemaNode::Pattern& pattern, const std::string& text) {
        const auto steps = static_cast<std::size_t>(pattern->ProgramSize()) / pattern_steps_at_once + 1;
        return spend_on_text(text.size(), steps) && re2::RE2::PartialMatch(text, *pattern);
    }

    void judge_text(const SchemaNode& schema, const std::string& text, const Place* place) {
        if ((schema.min_length || schema.max_length) && spend_on_text(text.size(), 1)) {
            check_count(length_of(text), schema.min_length, schema.max_length, " characters", place);
        }
        if (schema.pattern && !matches(schema.pattern, text)) {
            complain(place, "must match the pattern " + schema.pattern->pattern());
        }
        if (!schema.format.empty() && spend(1) && !fits_format(text, schema.format))
            complain(place, "must be a " + schema.format);
    }

    void judge_array(const SchemaNode& schema, const json& value, const Place* place) {
        check_count(value.size(), schema.min_items, schema.max_items, " items", place);
        bool contains = schema.contains == nullptr;
        std::size_t index = 0;
        for (const json& item : value) {
            const Place here{.outer = place, .index = index};
            Schema of_item = schema.each_item;
            if (schema.first_items) {
                of_item = index < schema.first_items->size() ? (*schema.first_items)[index] : schema.additional_items;
            }
            if (of_item != nullptr) judge(*of_item, item, &here);
            contains = contains || fits(schema.contains, item, &here);
            if (is_over()) return;
            ++index;
        }
        if (!contains) complain(place, "contains nothing that fits the schema in contains");
        if (schema.unique_items && !are_unique(value)) complain(place, "has an item twice");
    }

    bool are_unique(const json& items) {
        std::vector<const json*> sorted;
        for (const json& each : items) sorted.push_back(&each);
        const auto is_less = [this](const json* a, const json* b) { return spend_on_order(*a, *b) && *a < *b; };
        const auto is_same = [this](const json* a, const json* b) { return spend_on_both(*a, *b) && *a == *b; };
        std::stable_sort(sorted.begin(), sorted.end(), is_less);
        return std::adjacent_find(sorted.begin(), sorted.end(), is_same) == sorted.end();
    }

    void judge_object(const SchemaNode& schema, const json& value, const Place* place) {
        check_count(value.size(), schema.min_properties, schema.max_properties, " members", place);
        for (const std::string& name : schema.required) {
            if (spend(1) && !value.contains(name)) complain(place, "lacks " + name);
        }
        for (const auto& [name, dependency] : schema.dependencies) {
            if (!spend(1) || !value.contains(name) || !spend(dependency.names.size() + 1)) continue;
            for (const std::string& needed : dependency.names) {
                if (!value.contains(needed)) complain(place, "lacks " + needed + ", which " + name + " needs");
            }
            if (dependency.schema != nullptr) judge(*dependency.schema, value, place);
        }
        for (const auto& [name, member] : value.items()) {
            const Place here{.outer = place, .name = &name};
            judge_member(schema, name, member, here);
            if (is_over()) return;
        }
    }

    void judge_member(const SchemaNode& schema, const std::string& name, const json& member, const Place& here) {
        if (schema.property_names != nullptr && !fits(schema.property_names, json(name), &here)) {
            complain(here.outer, "may not have a member named " + name);
        }
        bool is_known = false;
        if (const auto property = schema.properties.find(name); property != schema.properties.end()) {
            is_known = true;
            judge(*property->second, member, &here);
        }
        for (const auto& [pattern, of_member] : schema.pattern_properties) {
            if (!matches(pattern, name)) continue;
            is_known = true;
            judge(*of_member, member, &here);
        }
        if (!is_known && schema.additional_properties != nullptr) judge(*schema.additional_properties, member, &here);
    }

    void judge_combinations(const SchemaNode& schema, const json& value, const Place* place) {
        const auto fits_here = [&](Schema each) { return fits(each, value, place); };
        for (const Schema each : schema.all_of) judge(*each, value, place);
        if (!schema.any_of.empty() && std::ranges::none_of(schema.any_of, fits_here)) {
            complain(place, "fits none of the schemas in anyOf");
        }
        if (!schema.one_of.empty() && std::ranges::count_if(schema.one_of, fits_here) != 1) {
            complain(place, "must fit exactly one of the schemas in oneOf");
        }
        if (schema.is_not != nullptr && fits_here(schema.is_not)) complain(place, "fits the schema in not");
        if (schema.condition == nullptr) return;
        const Schema then = fits_here(schema.condition) ? schema.then : schema.otherwise;
        if (then != nullptr) judge(*then, value, place);
    }

    const std::string name_;
    const std::size_t most_;
    std::size_t steps_left_;
    std::vector<std::string> complaints_;
    int quiet_ = 0;        // within how many that only ask whether it fits
    bool failed_ = false;  // of those, the innermost
};

}  // namespace

Result<JsonSchema> JsonSchema::compile(const json& schema) {
    auto nodes = Compiler(schema).compile();
    if (!nodes) return tl::unexpected(nodes.error());
    JsonSchema compiled;
    compiled.nodes_ = std::move(*nodes);
    return compiled;
}

std::vector<std::string> JsonSchema::check(const json& value, const std::string& name, std::size_t most) const {
    return Judge(value, name, most).judge(*nodes_.front(), value);
}

}  // namespace drover::gateway
