#include "src/jobqueue/json_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

constexpr std::string_view not_json = "is not JSON", too_deep = "is nested more than 60 deep",
                           bad_number = "has a number that no double holds, or of more than 1000 characters";
constexpr std::size_t max_number_length = 1000;
constexpr std::string_view replacement = "\xEF\xBF\xBD";

constexpr std::uint64_t every(unsigned char byte) { return 0x0101'0101'0101'0101U * byte; }

// The lowest set bit is in the first byte that ends a run of plain characters: a control, '"', '\' or not ASCII.
// (A borrow can set bits of later bytes wrongly, never of earlier ones.)
constexpr std::uint64_t special_bits(std::uint64_t word) {
    const std::uint64_t quote = word ^ every('"'), backslash = word ^ every('\\');
    return (((word - every(0x20)) & ~word) | ((quote - every(1)) & ~quote) | ((backslash - every(1)) & ~backslash) |
            word) &
           every(0x80);
}

bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// How many characters at the front of `text` stand in a JSON string as they are, as far as they are ASCII.
std::size_t plain_length(std::string_view text) {
    std::size_t pos = 0;
    if constexpr (std::endian::native == std::endian::little) {
        for (; pos + 8 <= text.size(); pos += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data() + pos, 8);
            if (const std::uint64_t bits = special_bits(word); bits != 0) {
                return pos + static_cast<std::size_t>(std::countr_zero(bits)) / 8;
            }
        }
    }
    while (pos < text.size() && is_plain(text[pos])) ++pos;
    return pos;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_surrogate(unsigned code) { return code >= 0xD800 && code <= 0xDFFF; }
bool is_high_surrogate(unsigned code) { return code >= 0xD800 && code <= 0xDBFF; }
bool is_low_surrogate(unsigned code) { return code >= 0xDC00 && code <= 0xDFFF; }

// The number of the four hex digits at the front.
std::optional<unsigned> hex4(std::string_view text) {
    if (text.size() < 4) return std::nullopt;
    unsigned code = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
    if (error != std::errc{} || stop != text.data() + 4) return std::nullopt;
    return code;
}

// Reads a text once from front to end; the depth needs a bit for each level.
class Checker {
public:
    Checker(std::string_view text, int max_depth) : rest_(text), max_depth_(max_depth) {}

    std::string_view fault() {
        while (true) {
            skip_space();
            const char first = front();
            if (first == '{' || first == '[') {
                if (depth_ == max_depth_) return too_deep;
                rest_.remove_prefix(1);
                ++depth_;
                in_object_ = in_object_ << 1 | (first == '{' ? 1U : 0U);
                skip_space();
                if (!take_close()) {
                    if (in_object() && !take_name()) return not_json;
                    continue;
                }
            } else if (const std::string_view fault = take_scalar(first); !fault.empty()) {
                return fault;
            }
            while (true) {
                skip_space();
                if (depth_ == 0) return rest_.empty() ? std::string_view() : not_json;
                if (take(',')) break;
                if (!take_close()) return not_json;
            }
            if (in_object() && !take_name()) return not_json;
        }
    }

private:
    char front() const { return rest_.empty() ? '\0' : rest_.front(); }
    bool in_object() const { return (in_object_ & 1U) != 0; }
    void skip_space() {
        while (is_space(front())) rest_.remove_prefix(1);
    }
    bool take(char c) {
        if (front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take_close() {
        if (!take(in_object() ? '}' : ']')) return false;
        --depth_;
        in_object_ >>= 1;
        return true;
    }
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    bool take_name() {
        skip_space();
        if (!take('"') || !take_rest_of_string()) return false;
        skip_space();
        return take(':');
    }

    std::string_view take_scalar(char first) {
        const auto json_if = [](bool fine) { return fine ? std::string_view() : not_json; };
        switch (first) {
            case '"': rest_.remove_prefix(1); return json_if(take_rest_of_string());
            case 't': return json_if(take_word("true"));
            case 'f': return json_if(take_word("false"));
            case 'n': return json_if(take_word("null"));
            default: return take_number();
        }
    }

    bool take_rest_of_string() {
        while (true) {
            rest_.remove_prefix(plain_length(rest_));
            if (rest_.empty()) return false;
            if (take('"')) return true;
            if (rest_.front() == '\\') {
                if (!take_escape()) return false;
                continue;
            }
            if (static_cast<unsigned char>(rest_.front()) < 0x80) return false;  // a control character
            const std::size_t length = utf8_length(rest_);
            if (length == 0) return false;
            rest_.remove_prefix(length);
        }
    }

    bool take_escape() {
        if (rest_.size() < 2) return false;
        const char kind = rest_[1];
        rest_.remove_prefix(2);
        if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
        const std::optional<unsigned> code = take_hex4();
        if (!code || is_low_surrogate(*code)) return false;
        if (!is_high_surrogate(*code)) return true;
        if (!take_word("\\u")) return false;
        const std::optional<unsigned> low = take_hex4();
        return low && is_low_surrogate(*low);
    }

    std::optional<unsigned> take_hex4() {
        const std::optional<unsigned> code = hex4(rest_);
        if (code) rest_.remove_prefix(4);
        return code;
    }

    std::size_t take_digits() {
        std::size_t count = 0;
        while (count < rest_.size() && is_digit(rest_[count])) ++count;
        rest_.remove_prefix(count);
        return count;
    }

    std::string_view take_number() {
        const std::string_view all = rest_;
        take('-');
        const bool zero = front() == '0';
        const std::size_t digits = take_digits();
        if (digits == 0 || (zero && digits > 1)) return not_json;
        if (take('.') && take_digits() == 0) return not_json;
        std::size_t power = 0;
        if (take('e') || take('E')) {
            const bool negative = take('-');
            if (!negative) take('+');
            const std::string_view exponent = rest_;
            const std::size_t length = take_digits();
            if (length == 0) return not_json;
            if (!negative) {
                const auto end = exponent.data() + length;
                if (std::from_chars(exponent.data(), end, power).ec != std::errc{}) return bad_number;
            }
        }
        const std::string_view number = all.substr(0, all.size() - rest_.size());
        if (number.size() > max_number_length || power > max_number_length) return bad_number;
        if (digits + power <= 308) return {};
        double value = 0;
        const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
        return read.ec == std::errc{} ? std::string_view() : bad_number;
    }

    std::string_view rest_;
    int max_depth_;
    int depth_ = 0;
    std::uint64_t in_object_ = 0;  // the lowest bit: the innermost container is an object
};

void append_utf8(std::string& out, unsigned code) {
    const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out.append({static_cast<char>(0xC0 | code >> 6), tail(0)});
    } else if (code < 0x10000) {
        out.append({static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)});
    } else {
        out.append({static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)});
    }
}

// Takes the escape at the front of `text`, which was checked, and appends what it stands for.
void take_escape(std::string_view& text, std::string& out) {
    const char kind = text.size() < 2 ? '\0' : text[1];
    text.remove_prefix(std::min<std::size_t>(text.size(), 2));
    switch (kind) {
        case 'b': return out.push_back('\b');
        case 'f': return out.push_back('\f');
        case 'n': return out.push_back('\n');
        case 'r': return out.push_back('\r');
        case 't': return out.push_back('\t');
        case 'u': break;
        default: return out.push_back(kind);
    }
    unsigned code = hex4(text).value_or(0);
    text.remove_prefix(std::min<std::size_t>(text.size(), 4));
    if (is_surrogate(code) && text.size() >= 6) {
        code = 0x10000 + ((code - 0xD800) << 10 | (hex4(text.substr(2)).value_or(0xDC00) - 0xDC00));
        text.remove_prefix(6);
    }
    append_utf8(out, code);
}

// The length of the string literal at the front of a text that was checked.
std::size_t string_length(std::string_view text) {
    for (std::size_t quote = text.find('"', 1); quote != std::string_view::npos; quote = text.find('"', quote + 1)) {
        std::size_t backslashes = 0;
        while (text[quote - 1 - backslashes] == '\\') ++backslashes;
        if (backslashes % 2 == 0) return quote + 1;
    }
    return text.size();
}

std::size_t container_length(std::string_view text) {
    int depth = 0;
    for (std::size_t pos = 0; pos < text.size();) {
        const char c = text[pos];
        if (c == '"') {
            pos += string_length(text.substr(pos));
            continue;
        }
        ++pos;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return pos;
    }
    return text.size();
}

std::size_t value_length(std::string_view text) {
    if (text.front() == '"') return string_length(text);
    if (text.front() == '{' || text.front() == '[') return container_length(text);
    return std::min(text.find_first_of(",]} \t\r\n"), text.size());
}

bool ends_ignoring_case(std::string_view text, std::string_view lower_end) {
    if (text.size() < lower_end.size()) return false;
    return std::ranges::equal(text.substr(text.size() - lower_end.size()), lower_end, {},
                              [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

void append_escape(std::string& out, char c) {
    static constexpr char digits[] = "0123456789abcdef";
    switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default: {
            const auto byte = static_cast<unsigned char>(c);
            out.append({'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]});
        }
    }
}

}  // namespace

std::string_view json_fault(std::string_view text, int max_depth) { return Checker(text, max_depth).fault(); }

Result<JsonValue> read_json(std::string_view text) {
    if (const std::string_view fault = json_fault(text); !fault.empty()) {
        return failure(Error::Code::invalid, std::string(fault));
    }
    return JsonValue(trim(text));
}

JsonValue::Kind JsonValue::kind() const {
    switch (text_.front()) {
        case 'n': return Kind::null;
        case 't':
        case 'f': return Kind::boolean;
        case '"': return Kind::string;
        case '[': return Kind::array;
        case '{': return Kind::object;
        default: return Kind::number;
    }
}

std::optional<double> JsonValue::number() const {
    if (kind() != Kind::number) return std::nullopt;
    double value = 0;
    // The one way to be out of range here is to be nearly nothing.
    if (std::from_chars(text_.data(), text_.data() + text_.size(), value).ec != std::errc{}) return 0.0;
    return value;
}

std::optional<std::int64_t> JsonValue::integer() const {
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{} || stop != text_.data() + text_.size()) return std::nullopt;
    return value;
}

std::string_view JsonValue::string(std::string& buffer) const {
    if (kind() != Kind::string) return {};
    std::string_view inside = text_.substr(1, text_.size() - 2);
    std::size_t escape = inside.find('\\');
    if (escape == std::string_view::npos) return inside;
    buffer.clear();
    for (; escape != std::string_view::npos; escape = inside.find('\\')) {
        buffer += inside.substr(0, escape);
        inside.remove_prefix(escape);
        take_escape(inside, buffer);
    }
    buffer += inside;
    return buffer;
}

JsonParts::JsonParts(const JsonValue& container) : name_("null"), value_("null") {
    const JsonValue::Kind kind = container.kind();
    has_names_ = kind == JsonValue::Kind::object;
    if (!has_names_ && kind != JsonValue::Kind::array) return;
    rest_ = container.text().substr(1, container.text().size() - 2);
    skip_space();
}

bool JsonParts::next() {
    if (rest_.empty()) return false;
    if (has_names_) {
        name_ = JsonValue(take_value());
        rest_.remove_prefix(std::min<std::size_t>(rest_.size(), 1));  // the colon
        skip_space();
        if (rest_.empty()) return false;
    }
    value_ = JsonValue(take_value());
    rest_.remove_prefix(std::min<std::size_t>(rest_.size(), 1));  // the comma
    skip_space();
    return true;
}

// With the white space after it.
std::string_view JsonParts::take_value() {
    const std::string_view value = rest_.substr(0, value_length(rest_));
    rest_.remove_prefix(value.size());
    skip_space();
    return value;
}

void JsonParts::skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
}

bool append_json_string(std::string& out, std::string_view text) {
    bool is_utf8 = true;
    out.push_back('"');
    while (!text.empty()) {
        const std::size_t plain = plain_length(text);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        std::size_t length = 1;
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            append_escape(out, text.front());
        } else if (length = utf8_length(text); length != 0) {
            out += text.substr(0, length);
        } else {
            out += replacement;
            is_utf8 = false;
            length = 1;
        }
        text.remove_prefix(length);
    }
    out.push_back('"');
    return is_utf8;
}

void append_json_number(std::string& out, std::int64_t number) {
    char digits[24];
    out.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
}

bool is_json_type(std::string_view content_type) {
    const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
    return ends_ignoring_case(type, "/json") || ends_ignoring_case(type, "+json");
}

}  // namespace drover::jobqueue
