#include "src/telemetry/log.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>

namespace drover::log {
namespace {

class Log : public ::testing::Test {
protected:
    ~Log() override { start({}); }

    static std::string printed(const std::function<void()>& task) {
        ::testing::internal::CaptureStdout();
        task();
        return ::testing::internal::GetCapturedStdout();
    }
};

TEST_F(Log, a_line_is_json_with_time_level_message_and_fields_in_order) {
    const std::string id = "j-1";
    const auto line = printed([&] {
        warn("job dead-lettered", {{"job", id}, {"attempt", 3}, {"rate", 0.5}, {"last", true}, {"bytes", sizeof id}});
    });
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["level"], "warn");
    EXPECT_EQ(json["message"], "job dead-lettered");
    const std::string time = json["time"];
    EXPECT_EQ(time.size(), std::string("2026-11-23T00:32:05.123Z").size());
    EXPECT_TRUE(line.ends_with(R"("job":"j-1","attempt":3,"rate":0.5,"last":true,"bytes":)" +
                               std::to_string(sizeof id) + "}\n"))
        << line;
}

TEST_F(Log, any_bytes_in_a_value_make_one_line_of_valid_json) {
    rc::check("one line of valid JSON", [](const std::string& bytes) {
        const auto line = printed([&] { info("m", {{"value", bytes}}); });
        RC_ASSERT(line.find('\n') == line.size() - 1);
        RC_ASSERT(nlohmann::json::accept(line));
    });
    const auto line = printed([] { info("m", {{"value", std::string_view("a\0\n\r\x1b\xff\"", 7)}}); });
    EXPECT_EQ(nlohmann::json::parse(line)["value"], std::string("a\0\n\r\x1b\xef\xbf\xbd\"", 9));
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST_F(Log, nothing_below_the_level_is_printed) {
    start({.level = Level::warn});
    EXPECT_EQ(printed([] { info("hidden"), debug("hidden"); }), "");
    EXPECT_NE(printed([] { error("shown"); }), "");
    start({.level = Level::off});
    EXPECT_EQ(printed([] { error("hidden"); }), "");
    start({.level = Level::debug});
    EXPECT_NE(printed([] { debug("shown"); }), "");
}

TEST_F(Log, text_is_for_people_and_steers_no_terminal) {
    start({.format = Format::text});
    const auto line = printed([] {
        info("job done", {{"job", "j-1"}, {"took", 12}, {"note", "two words"}, {"name", "Jürgen"}, {"none", ""}});
    });
    EXPECT_TRUE(line.ends_with("Z info  job done job=j-1 took=12 note=\"two words\" name=\"Jürgen\" none=\"\"\n"))
        << line;
    const auto evil = printed([] {
        info("m", {{"v", "\x1b[2J\r\n\x7f"},
                   {"c1",
                    "\xc2\x9b"
                    "2J"}});
    });
    EXPECT_EQ(evil.find_first_of("\x1b\r\x7f"), std::string::npos) << evil;
    EXPECT_EQ(evil.find("\xc2\x9b"), std::string::npos);
    EXPECT_EQ(evil.find('\n'), evil.size() - 1);
}

}  // namespace
}  // namespace drover::log
