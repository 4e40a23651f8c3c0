#include "cli/gateway/top_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");
using Kind = Key::Kind;
using Wish = TopModel::Wish;

Json queues(int count, bool paused = false) {
    Json list = Json::array();
    for (int i = 0; i < count; ++i) {
        list.push_back({{"name", "default.q" + std::to_string(10 + i)},
                        {"counts", {{"waiting", i}, {"active", 0}}},
                        {"lag", i},
                        {"paused", paused}});
        if (paused)
            list.back()["pauses"] = Json::array({{{"source", "gateway"}, {"by", "ann"}, {"reason", "rollout"}}});
    }
    return {{"queues", list}};
}

std::string screen(TopModel& model, int width, int height) {
    const auto lines = model.render({.width = width, .now = noon}, height);
    EXPECT_THAT(lines, SizeIs(static_cast<std::size_t>(height)));
    std::string text;
    for (const std::string& line : lines) {
        EXPECT_LE(display_width(line), width) << line;
        text += line + "\n";
    }
    return text;
}

TEST(Keys, D2_arrows_come_as_sequences_that_may_be_cut) {
    Keys keys;
    EXPECT_THAT(keys.add("q\x1b[A\x1bOB"), ElementsAre(Key{Kind::character, 'q'}, Key{Kind::up}, Key{Kind::down}));
    EXPECT_THAT(keys.add("\x1b"), IsEmpty());
    EXPECT_THAT(keys.add("[5"), IsEmpty());
    EXPECT_THAT(keys.add("~p"), ElementsAre(Key{Kind::page_up}, Key{Kind::character, 'p'}));
    EXPECT_THAT(keys.add("\x1b[1;5C\x1b[99~j"), ElementsAre(Key{Kind::character, 'j'}));
    EXPECT_THAT(keys.add("\x1bq"), ElementsAre(Key{Kind::character, 'q'}));
}

TEST(Top, D2_arrows_choose_a_queue_and_p_pauses_or_resumes_it) {
    TopModel model("http://here:4100");
    EXPECT_EQ(model.on_key({Kind::character, 'p'}, 24), Wish{});
    model.on_queues(queues(3), noon);
    EXPECT_EQ(model.selected(), "default.q10");
    model.on_key({Kind::down}, 24);
    model.on_key({Kind::down}, 24);
    model.on_key({Kind::down}, 24);
    EXPECT_EQ(model.selected(), "default.q12");
    model.on_key({Kind::up}, 24);
    EXPECT_EQ(model.on_key({Kind::character, 'p'}, 24), (Wish{Wish::Kind::pause, "default.q11"}));
    model.on_queues(queues(3, true), noon);
    EXPECT_EQ(model.selected(), "default.q11");
    EXPECT_EQ(model.on_key({Kind::character, 'p'}, 24), (Wish{Wish::Kind::resume, "default.q11"}));
    EXPECT_EQ(model.on_key({Kind::character, 'q'}, 24).kind, Wish::Kind::quit);
    model.on_queues(queues(1), noon);
    EXPECT_EQ(model.selected(), "default.q10");
}

TEST(Top, D2_it_fits_80_by_24_and_any_other_size) {
    TopModel model("http://here:4100");
    model.on_queues(queues(50, true), noon);
    const std::string shown = screen(model, 80, 24);
    EXPECT_THAT(shown, HasSubstr("▸ default.q10"));
    EXPECT_THAT(shown, HasSubstr("paused by gateway (ann): rollout"));
    EXPECT_THAT(shown, HasSubstr("q quit"));
    for (const int width : {1, 10, 40, 200}) {
        for (const int height : {1, 2, 5, 9, 60}) screen(model, width, height);
    }
}

TEST(Top, D2_the_chosen_queue_stays_in_sight) {
    TopModel model("http://here:4100");
    model.on_queues(queues(50), noon);
    model.on_key({Kind::end}, 24);
    EXPECT_THAT(screen(model, 80, 24), HasSubstr("▸ default.q59"));
    EXPECT_THAT(screen(model, 80, 12), HasSubstr("▸ default.q59"));
    model.on_key({Kind::page_up}, 24);
    EXPECT_THAT(screen(model, 80, 12), HasSubstr("▸ " + model.selected()));
    model.on_key({Kind::home}, 24);
    EXPECT_THAT(screen(model, 80, 12), HasSubstr("▸ default.q10"));
}

TEST(Top, D2_a_gateway_that_is_away_is_told_and_what_was_seen_stays) {
    TopModel model("http://here:4100");
    EXPECT_THAT(screen(model, 80, 24), HasSubstr("asking the gateway"));
    model.on_trouble({Error::Code::unavailable, "cannot reach it"});
    EXPECT_THAT(screen(model, 80, 24), HasSubstr("cannot reach it"));
    model.on_queues(queues(2), noon - std::chrono::seconds(7));
    model.on_trouble({Error::Code::unavailable, "cannot reach it"});
    const std::string shown = screen(model, 80, 24);
    EXPECT_THAT(shown, HasSubstr("the gateway is away, this is 7s old: cannot reach it"));
    EXPECT_THAT(shown, HasSubstr("default.q11"));
}

TEST(Top, D2_a_line_of_blocks_shows_how_a_backlog_went) {
    EXPECT_EQ(sparkline({0, 1, 4, 8}, 10), "▁▁▄█");
    EXPECT_EQ(sparkline({0, 0}, 10), "▁▁");
    EXPECT_EQ(sparkline({1, 2, 3}, 1), "█");
    EXPECT_EQ(sparkline({1}, 0), "");
    EXPECT_EQ(sparkline({}, 5), "");
}

}  // namespace
}  // namespace drover::cli
