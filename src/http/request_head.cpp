#include "src/http/request_head.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "src/http/job_client.h"

namespace drover::http {
namespace {

constexpr std::array<bool, 256> token_characters() {
    std::array<bool, 256> is_token{};
    for (unsigned char c = '0'; c <= '9'; ++c) is_token[c] = true;
    for (unsigned char c = 'a'; c <= 'z'; ++c) is_token[c] = true;
    for (unsigned char c = 'A'; c <= 'Z'; ++c) is_token[c] = true;
    for (unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) is_token[c] = true;
    return is_token;
}
constexpr auto is_token = token_characters();

bool is_token_string(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text) {
        if (!is_token[static_cast<unsigned char>(c)]) return false;
    }
    return true;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Whether all of it is visible ASCII, space or tab. Eight bytes at a time: this runs over every header of every job.
bool is_visible(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    const char* p = text.data();
    std::size_t left = text.size();
    for (; left >= 8; p += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, p, 8);
        // With the top bits clear no sum carries over: c + 0x60 < 0x80 where c < 0x20, c + 1 = 0x80 where c = 0x7f.
        if (word & tops) return false;
        const std::uint64_t below_space = ~(word + ones * 0x60) & tops;
        if (((word + ones) & tops) != 0) return false;
        if (below_space != 0) break;  // a tab, or an offence: byte by byte
    }
    for (; left > 0; ++p, --left) {
        if (*p != '\t' && (*p < 0x20 || *p == 0x7f)) return false;
    }
    return true;
}

bool equals_ignoring_case(std::string_view name, std::string_view lower) {
    for (std::size_t i = 0; i < lower.size(); ++i) {
        const char c = name[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != lower[i]) return false;
    }
    return true;
}

// The fields that say where a message ends and what becomes of the connection.
bool is_framing(std::string_view name) {
    static constexpr std::array<std::string_view, 10> framing = {
        "te",         "host",       "expect",         "trailer",          "upgrade",
        "connection", "keep-alive", "content-length", "proxy-connection", "transfer-encoding"};
    for (const auto field : framing) {
        if (field.size() == name.size() && equals_ignoring_case(name, field)) return true;
    }
    return false;
}

char* put(char* out, std::string_view text) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

}  // namespace

bool is_valid_field(const FieldView& field) {
    if (!is_token_string(field.name) || is_framing(field.name)) return false;
    if (field.value.empty()) return true;
    return !is_blank(field.value.front()) && !is_blank(field.value.back()) && is_visible(field.value);
}

RequestHead::RequestHead(std::string_view host, std::uint16_t port, std::string_view path) {
    start_ = "POST ";
    if (!path.starts_with('/')) start_ += '/';
    for (const char c : path) {
        if (c > 0x20 && c < 0x7f && c != '#') {
            start_ += c;
        } else {
            std::array<char, 4> encoded{};
            std::snprintf(encoded.data(), encoded.size(), "%%%02X", static_cast<unsigned char>(c));
            start_ += encoded.data();
        }
    }
    const bool is_v6 = host.find(':') != std::string_view::npos;
    start_ += " HTTP/1.1\r\nHost: ";
    start_ += is_v6 ? "[" + std::string(host) + "]" : std::string(host);
    start_ += ":" + std::to_string(port) + "\r\n";
}

void RequestHead::write(std::string& out, std::span<const FieldView> headers, std::size_t body_bytes) const {
    static constexpr std::string_view length_name = "Content-Length: ", separator = ": ", line_end = "\r\n";
    std::array<char, 20> digits;
    const auto digits_end = std::to_chars(digits.data(), digits.data() + digits.size(), body_bytes).ptr;
    const std::string_view length(digits.data(), static_cast<std::size_t>(digits_end - digits.data()));

    std::size_t size = start_.size() + length_name.size() + length.size() + 2 * line_end.size();
    for (const auto& header : headers) {
        if (!is_valid_field(header)) {
            std::fprintf(stderr, "drover: the request header '%.*s' is not valid\n",
                         static_cast<int>(header.name.size()), header.name.data());
            std::abort();
        }
        size += header.name.size() + separator.size() + header.value.size() + line_end.size();
    }
    out.resize(size);
    char* end = put(out.data(), start_);
    for (const auto& header : headers) {
        end = put(put(put(put(end, header.name), separator), header.value), line_end);
    }
    put(put(put(put(end, length_name), length), line_end), line_end);
}

}  // namespace drover::http
