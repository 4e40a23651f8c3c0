#include "src/letters/payload_edit.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <nlohmann/json.hpp>

namespace drover::letters {
namespace {

using nlohmann::ordered_json;

// As many digits as a double tells apart.
constexpr std::size_t most_digits = 17;
// The library's copies recurse.
constexpr int most_depth = 500;

tl::unexpected<Error> wrong(const std::string& message) { return failure(Error::Code::invalid, message); }

// nlohmann's messages begin with "[json.exception.name.number] ".
std::string what_of(const ordered_json::exception& error) {
    const std::string text = error.what();
    const auto end = text.find("] ");
    return end == std::string::npos ? text : text.substr(end + 2);
}

// What is wrong with one operation; "" for nothing.
std::string problem_of(const ordered_json& operation) {
    static constexpr std::array names{"add", "remove", "replace", "move", "copy", "test"};
    if (!operation.is_object()) return "is no object";
    const auto text = [&operation](const char* name) -> const std::string* {
        const auto found = operation.find(name);
        return found != operation.end() && found->is_string() ? &found->get_ref<const std::string&>() : nullptr;
    };
    const std::string* op = text("op");
    if (op == nullptr || std::ranges::find(names, *op) == names.end())
        return "op must be add, remove, replace, move, copy or test";
    const bool from = *op == "move" || *op == "copy", value = *op == "add" || *op == "replace" || *op == "test";
    if (value && !operation.contains("value")) return "value is missing";
    for (const char* name : {"path", from ? "from" : "path"}) {
        if (text(name) == nullptr) return std::string(name) + " is missing";
        try {
            const ordered_json::json_pointer pointer(*text(name));
        } catch (const ordered_json::exception& error) {
            return std::string(name) + ": " + what_of(error);
        }
    }
    return "";
}

// Builds nothing; finds what JSON may hold, but we would change or cannot hold: numbers that are too large or have too
// many digits, and too many brackets.
class PayloadCheck : public nlohmann::json_sax<ordered_json> {
public:
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t& text) override {
        const auto mantissa = text.substr(0, text.find_first_of("eE"));
        std::string digits;
        std::ranges::copy_if(mantissa, std::back_inserter(digits),
                             [](unsigned char c) { return std::isdigit(c) != 0; });
        digits.erase(0, digits.find_first_not_of('0'));
        digits.erase(digits.find_last_not_of('0') + 1);
        if (text.find_first_of(".eE") != std::string::npos && digits.size() <= most_digits) return true;
        problem = "number " + text.substr(0, 64) + " would not come through unchanged";
        return false;
    }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return enter(); }
    bool key(string_t&) override { return true; }
    bool end_object() override { return leave(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_array() override { return leave(); }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

    std::string problem;

private:
    bool enter() {
        if (++depth_ > most_depth) problem = "nesting is too deep";
        return depth_ <= most_depth;
    }
    bool leave() {
        --depth_;
        return true;
    }
    int depth_ = 0;
};

}  // namespace

Result<PayloadEdit> PayloadEdit::parse(std::string_view text) {
    auto patch = std::make_shared<ordered_json>(ordered_json::parse(text, nullptr, false));
    if (patch->is_discarded()) return wrong("the patch is not JSON");
    if (!patch->is_array()) return wrong("the patch must be a JSON array of operations (RFC 6902)");
    for (std::size_t i = 0; i < patch->size(); ++i) {
        if (const std::string problem = problem_of((*patch)[i]); !problem.empty())
            return wrong("operation " + std::to_string(i + 1) + " of the patch: " + problem);
    }
    return PayloadEdit(std::move(patch));
}

Result<std::string> PayloadEdit::apply(std::string_view payload) const {
    PayloadCheck check;
    if (!ordered_json::sax_parse(payload, &check)) {
        return wrong(check.problem.empty() ? "the payload is not JSON" : "the payload's " + check.problem);
    }
    try {
        return ordered_json::parse(payload).patch(*patch_).dump();
    } catch (const ordered_json::exception& error) {
        return wrong("the patch does not fit the payload: " + what_of(error));
    }
}

}  // namespace drover::letters
