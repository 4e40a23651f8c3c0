#include <mutex>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/http/job_client_fixture.h"

namespace drover::http::test {
namespace {

using namespace std::string_literals;

TEST(IsValidField, refuses_what_could_end_the_field_or_start_another) {
    for (const auto& value : {"a\r\nX: b"s, "a\nb"s, "a\rb"s, "\r\n"s, "a\0b"s, "a\x7f"s, "\x1b[2J"s, " a"s, "a "s,
                              "\ta"s, "a\t"s, " "s, "ü"s, "a\x80"s, "a\xff"s, "12345678\n"s, "1234567\r"s}) {
        EXPECT_FALSE(is_valid_field({"name", value})) << value;
    }
    for (const auto& name : {""s, "a b"s, "a:"s, "a\r\n"s, "a\n"s, "ü"s, "a\0"s, "a/b"s, "\"a\""s, " a"s, "(a)"s}) {
        EXPECT_FALSE(is_valid_field({name, "value"})) << name;
    }
}

TEST(IsValidField, refuses_the_fields_that_frame_the_message) {
    for (const auto* name : {"Content-Length", "content-length", "TRANSFER-ENCODING", "Host", "Connection", "Expect",
                             "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection"}) {
        EXPECT_FALSE(is_valid_field({name, "1"})) << name;
    }
}

TEST(IsValidField, takes_visible_ascii_with_blanks_inside) {
    std::string all;
    for (char c = 0x21; c < 0x7f; ++c) all += c;
    for (const auto& value : {""s, "a"s, "a b"s, "a\tb"s, "a \t b"s, "12345678\t12345678 1"s, all}) {
        EXPECT_TRUE(is_valid_field({"name", value})) << value;
    }
    EXPECT_TRUE(is_valid_field({"kafka-header-x_1.2~!#$%&'*+^`|", "v"}));
    EXPECT_TRUE(is_valid_field({"host-name", "v"}));
}

// What the eight-bytes-at-a-time check must come to.
bool is_valid_value_by_the_letter(std::string_view value) {
    if (value.empty()) return true;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte != '\t' && (byte < 0x20 || byte > 0x7e)) return false;
    }
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    return !is_blank(value.front()) && !is_blank(value.back());
}

TEST(IsValidField, judges_every_byte_at_every_place_by_the_letter) {
    for (std::size_t length = 1; length <= 20; ++length) {
        for (std::size_t place = 0; place < length; ++place) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string value(length, 'a');
                value[place] = static_cast<char>(byte);
                ASSERT_EQ(is_valid_field({"n", value}), is_valid_value_by_the_letter(value))
                    << byte << " at " << place << " of " << length;
            }
        }
    }
}

// Mostly harmless bytes with some that are not, so that many strings pass and all nearly do.
rc::Gen<std::string> nearly(const std::string& harmless) {
    const std::string evil("\r\n\0 \t:\x7f\x80\xff\x1b\x0b", 11);
    return rc::gen::container<std::string>(
        rc::gen::weightedOneOf<char>({{60, rc::gen::elementOf(harmless)}, {1, rc::gen::elementOf(evil)}}));
}

TEST_F(JobClientTest, A1_whatever_passes_is_valid_field_arrives_as_exactly_that_one_header) {
    std::mutex mutex;  // the worker has a thread of its own
    std::string request;
    ScriptedWorker worker([&](RawSocket& socket) {
        for (std::string message; !(message = socket.read_message()).empty();) {
            const std::lock_guard lock(mutex);
            request = message;
            socket.write(answer_with("ok"));
        }
    });
    use(worker);
    const bool holds = rc::check("arrives as exactly that one header", [&] {
        const auto name = *nearly("abcXYZ019-_.~!"), value = *nearly("abcXYZ019-_ \t:;,=\"");
        if (!is_valid_field({name, value})) return;
        RC_ASSERT(exchange("body", {{"before", "1"}, {name, value}, {"after", "2"}}).body == "ok");
        const std::lock_guard lock(mutex);
        RC_ASSERT(request == "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(worker.port()) +
                                 "\r\nbefore: 1\r\n" + name + ": " + value +
                                 "\r\nafter: 2\r\nContent-Length: 4\r\n\r\nbody");
        RC_ASSERT(name.find_first_of("\r\n: \t"s) == std::string::npos);
        RC_ASSERT(value.find_first_of("\r\n\0"s) == std::string::npos);
    });
    EXPECT_TRUE(holds);
}

TEST_F(JobClientTest, a_field_that_is_not_valid_is_a_fault_of_the_program) {
    EXPECT_DEATH(client().send(1, std::vector<FieldView>{{"name", "a\r\nX: b"}}, "job"), "'name' is not valid");
}

}  // namespace
}  // namespace drover::http::test
