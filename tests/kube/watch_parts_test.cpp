// What a watch is made of: lines, events, and what comes next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "src/kube/line_splitter.h"
#include "src/kube/watch_event.h"
#include "src/kube/watch_state.h"

namespace drover::kube {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Reason = ApiError::Reason;
using Do = WatchStep::Do;

RC_GTEST_PROP(LineSplitter, gives_the_same_lines_however_the_bytes_are_cut, ()) {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '\n'));
    std::vector<std::string> expected;
    std::string line;
    for (const char c : text) {
        if (c != '\n') {
            line += c;
        } else {
            if (!line.empty()) expected.push_back(line);
            line.clear();
        }
    }
    LineSplitter splitter(1000);
    std::vector<std::string> lines;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto size = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
        const auto fed = splitter.feed(rest.substr(0, size), [&](std::string_view one) {
            lines.emplace_back(one);
            return true;
        });
        RC_ASSERT(fed == LineSplitter::Fed::all);
        rest.remove_prefix(size);
    }
    RC_ASSERT(lines == expected);
    RC_ASSERT(splitter.begun() == line.size());
}

TEST(LineSplitter, ends_at_a_line_over_the_limit_and_when_it_was_enough) {
    const auto all = [](std::string_view) { return true; };
    LineSplitter splitter(4);
    EXPECT_EQ(splitter.feed("1234\n12", all), LineSplitter::Fed::all);
    EXPECT_EQ(splitter.feed("34\n12345", all), LineSplitter::Fed::too_long);
    LineSplitter other(4);
    EXPECT_EQ(other.feed("1\n2\n", [](std::string_view line) { return line != "1"; }), LineSplitter::Fed::enough);
}

TEST(WatchEvent, reads_what_happened_to_which_object) {
    const auto event = parse_watch_event(
        R"({"type":"MODIFIED","object":{"kind":"JobQueue","metadata":{"name":"a","resourceVersion":"12"}}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->type, WatchEvent::Type::modified);
    EXPECT_EQ(event->version, "12");
    EXPECT_EQ(event->object["kind"], "JobQueue");
    const auto bookmark = parse_watch_event(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"13"}}})");
    ASSERT_TRUE(bookmark);
    EXPECT_EQ(bookmark->version, "13");
}

TEST(WatchEvent, an_error_is_the_error_that_it_carries) {
    const auto expired = parse_watch_event(
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})");
    ASSERT_FALSE(expired);
    EXPECT_EQ(expired.error().reason, Reason::expired);
    EXPECT_EQ(expired.error().message, "too old");
    const auto odd = parse_watch_event(R"({"type":"ERROR","object":{"code":"x"}})");
    ASSERT_FALSE(odd);
    EXPECT_EQ(odd.error().reason, Reason::server);
}

TEST(WatchEvent, a_line_that_is_no_event_is_unreadable) {
    for (const auto* line : {"", "{", "[]", "3", R"({"type":"ADDED"})", R"({"type":"ADDED","object":[]})",
                             R"({"type":"NEW","object":{"metadata":{"name":"a","resourceVersion":"1"}}})",
                             R"({"object":{"metadata":{"name":"a","resourceVersion":"1"}}})",
                             R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
                             R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}})",
                             R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":""}}})"}) {
        const auto event = parse_watch_event(line);
        ASSERT_FALSE(event) << line;
        EXPECT_EQ(event.error().reason, Reason::unreadable) << line;
    }
}

ApiError error_of(Reason reason, std::optional<Duration> retry_after = {}) { return {reason, 0, "", {}, retry_after}; }

WatchState watching(const std::string& version) {
    WatchState state;
    state.listed(version, 0);
    return state;
}

TEST(WatchState, lists_and_then_watches_from_there) {
    WatchState state;
    EXPECT_EQ(state.start(), (WatchStep{Do::list, "", 0s}));
    EXPECT_EQ(state.listed("5", 0), (WatchStep{Do::watch, "5", 0s}));
}

TEST(WatchState, a_watch_that_the_server_ended_goes_on_at_once_from_the_last_version) {
    auto state = watching("5");
    state.advanced("9");
    EXPECT_EQ(state.ended({}, 300s, 0), (WatchStep{Do::watch, "9", 0s}));
    EXPECT_EQ(state.ended(error_of(Reason::timeout), 120s, 0), (WatchStep{Do::watch, "9", 0s}));
}

TEST(WatchState, a_watch_that_ends_as_soon_as_it_begins_is_asked_for_more_and_more_slowly) {
    auto state = watching("5");
    for (const auto wait : {500ms, 1000ms, 2000ms})
        EXPECT_EQ(state.ended({}, 1ms, 0), (WatchStep{Do::watch, "5", wait}));
    state.advanced("6");
    EXPECT_EQ(state.ended({}, 1ms, 0), (WatchStep{Do::watch, "6", 500ms}));
}

TEST(WatchState, an_expired_version_is_listed_anew_at_once_and_again_and_again_more_slowly) {
    auto state = watching("5");
    EXPECT_EQ(state.ended(error_of(Reason::expired), 0s, 0), (WatchStep{Do::list, "", 0s}));
    state.listed("6", 0);
    EXPECT_EQ(state.ended(error_of(Reason::expired), 0s, 0), (WatchStep{Do::list, "", 1s}));
    state.listed("7", 0);
    EXPECT_EQ(state.ended(error_of(Reason::expired), 0s, 0), (WatchStep{Do::list, "", 2s}));
}

TEST(WatchState, trouble_on_the_way_keeps_the_version_and_what_puts_it_in_doubt_does_not) {
    for (const auto reason :
         {Reason::unreachable, Reason::server, Reason::throttled, Reason::timeout, Reason::unauthorized}) {
        EXPECT_EQ(watching("5").ended(error_of(reason), 0s, 0), (WatchStep{Do::watch, "5", 500ms})) << name_of(reason);
    }
    for (const auto reason : {Reason::unreadable, Reason::not_found, Reason::forbidden, Reason::bad_request}) {
        EXPECT_EQ(watching("5").ended(error_of(reason), 0s, 0), (WatchStep{Do::list, "", 500ms})) << name_of(reason);
    }
}

TEST(WatchState, waits_at_least_as_long_as_it_was_told_to) {
    EXPECT_EQ(watching("5").ended(error_of(Reason::throttled, 20s), 0s, 0.5), (WatchStep{Do::watch, "5", 20s}));
    EXPECT_EQ(watching("5").ended(error_of(Reason::throttled, 1ms), 0s, 0), (WatchStep{Do::watch, "5", 500ms}));
}

TEST(WatchState, a_list_that_fails_or_has_no_version_is_tried_again_and_waits_never_exceed_the_bound) {
    WatchState state;
    EXPECT_EQ(state.listed("", 0), (WatchStep{Do::list, "", 500ms}));
    for (int i = 0; i < 100; ++i) {
        const auto step = state.ended(error_of(Reason::unreachable), 0s, 0.7);
        EXPECT_EQ(step.what, Do::list);
        EXPECT_GT(step.after, 0s);
        EXPECT_LE(step.after, WatchState::longest_wait);
    }
}

}  // namespace
}  // namespace drover::kube
