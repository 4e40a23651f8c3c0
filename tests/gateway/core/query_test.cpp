#include "gateway/core/query.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

TEST(Query, reads_names_and_values_C5) {
    const Result<Query> query = Query::parse("state=failed&text=a%20b+c%26&&empty&state=completed&=x");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->get("state"), "completed");
    EXPECT_EQ(query->get("text"), "a b c&");
    EXPECT_TRUE(query->has("empty"));
    EXPECT_EQ(query->get("empty"), "");
    EXPECT_FALSE(query->has("absent"));
    EXPECT_TRUE(Query::parse("")->all().empty());
}

TEST(Query, refuses_broken_escapes_C5) {
    for (const char* text : {"a=%", "a=%1", "a=%zz", "%=1", "a=%-1", "a=%+1"}) EXPECT_FALSE(Query::parse(text)) << text;
}

TEST(Query, a_number_has_bounds_and_nothing_around_it_C5) {
    const Query query = *Query::parse("a=10&b=11&c=1x&d=&e=99999999999999999999");
    EXPECT_EQ(query.number("a", 1, 1, 10), 10);
    EXPECT_EQ(query.number("absent", 7, 1, 10), 7);
    for (const char* name : {"b", "c", "d", "e"}) {
        const auto number = query.number(name, 1, 1, 10);
        ASSERT_FALSE(number) << name;
        EXPECT_TRUE(number.error().message.starts_with(name));
    }
}

TEST(Query, a_window_is_a_duration_from_a_minute_on_C4) {
    using namespace std::chrono_literals;
    const Query query = *Query::parse("a=1h30m&b=59s&c=25h&d=soon&e=-2m&f=24h");
    EXPECT_EQ(query.window("a", 1h, 24h), Duration(90min));
    EXPECT_EQ(query.window("f", 1h, 24h), Duration(24h));
    EXPECT_EQ(query.window("absent", 1h, 24h), Duration(1h));
    for (const char* name : {"b", "c", "d", "e"}) {
        const auto window = query.window(name, 1h, 24h);
        ASSERT_FALSE(window) << name;
        EXPECT_EQ(window.error().message, std::string(name) + " must be from 1m to 24h");
    }
    EXPECT_EQ(query.window("c", 1h, 1h).error().message, "c must be from 1m to 1h");
    EXPECT_EQ(query.window("b", 1h, 168h).error().message, "b must be from 1m to 168h");
}

}  // namespace
}  // namespace drover::gateway
