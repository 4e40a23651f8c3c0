#include "gateway/core/delayed_jobs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

Time at(std::int64_t millis) { return time_from_millis(millis); }

std::string uuid(int number) {
    char text[40];
    std::snprintf(text, sizeof text, "0190a6e0-0000-7000-8000-%012x", static_cast<unsigned>(number));
    return text;
}

std::vector<std::uint64_t> positions(const std::vector<DelayedJobs::Taken>& taken) {
    std::vector<std::uint64_t> out;
    for (const auto& each : taken) out.push_back(each.place.position);
    return out;
}

using Positions = std::vector<std::uint64_t>;

TEST(DelayedJobs, C8_the_earliest_comes_first_and_none_before_its_time) {
    DelayedJobs jobs;
    jobs.put(uuid(1), "q", at(300), {1, 10});
    jobs.put(uuid(2), "q", at(100), {2, 10});
    jobs.put("another id", "r", at(200), {3, 10});
    EXPECT_EQ(jobs.next(), at(100));
    EXPECT_TRUE(jobs.take_due(at(99), 10).empty());
    EXPECT_EQ(positions(jobs.take_due(at(250), 10)), Positions({2, 3}));
    EXPECT_EQ(jobs.next(), at(300));
    EXPECT_EQ(jobs.size(), 3U);
    EXPECT_EQ(jobs.waiting(), (std::map<std::string, std::int64_t>{{"q", 2}, {"r", 1}}));
}

TEST(DelayedJobs, C8_one_that_is_put_twice_is_one_at_its_last_time) {
    DelayedJobs jobs;
    EXPECT_EQ(jobs.put(uuid(1), "q", at(100), {1, 10}), std::nullopt);
    EXPECT_EQ(jobs.put(uuid(1), "r", at(500), {2, 20}), (DelayedJobs::Place{1, 10}));
    EXPECT_TRUE(jobs.take_due(at(400), 10).empty());
    EXPECT_EQ(positions(jobs.take_due(at(500), 10)), Positions({2}));
    EXPECT_EQ(jobs.waiting(), (std::map<std::string, std::int64_t>{{"r", 1}}));
}

TEST(DelayedJobs, C8_what_was_taken_comes_again_only_when_it_is_put_back) {
    DelayedJobs jobs;
    jobs.put(uuid(1), "q", at(100), {1, 10});
    const auto taken = jobs.take_due(at(100), 10);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_TRUE(jobs.take_due(at(1000), 10).empty());
    jobs.put_back(taken[0].handle, at(200));
    EXPECT_TRUE(jobs.take_due(at(199), 10).empty());
    EXPECT_EQ(jobs.take_due(at(200), 10).size(), 1U);
    EXPECT_EQ(jobs.remove(uuid(1)), (DelayedJobs::Place{1, 10}));
    jobs.put_back(taken[0].handle, at(200));  // gone: no matter
    EXPECT_EQ(jobs.size(), 0U);
    EXPECT_EQ(jobs.next(), std::nullopt);
}

TEST(DelayedJobs, C8_one_may_be_taken_before_its_time) {
    DelayedJobs jobs;
    jobs.put(uuid(1), "q", at(100), {1, 10});
    jobs.put(uuid(2), "q", at(200), {2, 10});
    const auto taken = jobs.take(uuid(1));
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->place.position, 1U);
    EXPECT_TRUE(jobs.is_taken(uuid(1)));
    EXPECT_FALSE(jobs.take(uuid(1)));
    EXPECT_FALSE(jobs.take(uuid(3)));
    EXPECT_EQ(positions(jobs.take_due(at(500), 10)), Positions({2}));
    jobs.put_back(taken->handle, taken->due);
    EXPECT_EQ(jobs.next(), at(100));
}

TEST(DelayedJobs, C8_ids_that_differ_in_case_alone_are_two) {
    DelayedJobs jobs;
    jobs.put("0190a6e0-0000-7000-8000-00000000000a", "q", at(1), {1, 1});
    jobs.put("0190A6E0-0000-7000-8000-00000000000A", "q", at(2), {2, 1});
    jobs.put("0190a6e0-0000-7000-8000-00000000000g", "q", at(3), {3, 1});
    EXPECT_EQ(jobs.size(), 3U);
}

// Against a map, with few ids so that they meet often.
RC_GTEST_PROP(DelayedJobs, C8_any_order_of_events_is_as_a_map_has_it, ()) {
    struct Model {
        std::int64_t due = 0;
        std::uint64_t position = 0;
        bool taken = false;
    };
    DelayedJobs jobs;
    std::map<std::string, Model> model;
    std::map<std::uint64_t, DelayedJobs::Handle> handles;  // by position
    std::uint64_t next_position = 1;
    const int steps = *rc::gen::inRange(0, 400);
    const int ids = *rc::gen::element(3, 40, 300);
    for (int i = 0; i < steps; ++i) {
        const int number = *rc::gen::inRange(0, ids);
        const std::string id = number % 3 == 0 ? "job " + std::to_string(number) : uuid(number);
        const std::int64_t time = *rc::gen::inRange(0, 50);
        switch (*rc::gen::weightedElement<int>({{6, 0}, {3, 1}, {2, 2}, {2, 3}, {1, 4}})) {
            case 0: {
                const std::uint64_t position = next_position++;
                const auto former = jobs.put(id, "q", at(time), {position, 1});
                const auto known = model.find(id);
                RC_ASSERT(former.has_value() == (known != model.end()));
                if (former) {
                    RC_ASSERT(former->position == known->second.position);
                    if (known->second.taken) {
                        const auto handle = handles.extract(known->second.position);
                        handles.emplace(position, handle.mapped());
                    }
                }
                model[id] = {time, position, known != model.end() && known->second.taken};
                break;
            }
            case 1: {
                const auto place = jobs.remove(id);
                RC_ASSERT(place.has_value() == model.contains(id));
                if (place) RC_ASSERT(place->position == model[id].position);
                if (place) handles.erase(place->position);
                model.erase(id);
                break;
            }
            case 2: {
                const auto taken = jobs.take_due(at(time), 5);
                std::multiset<std::int64_t> due;
                for (auto& [name, each] : model) {
                    if (!each.taken && each.due <= time) due.insert(each.due);
                }
                RC_ASSERT(taken.size() == std::min<std::size_t>(5, due.size()));
                auto expected = due.begin();
                for (const auto& each : taken) {
                    RC_ASSERT(to_millis(each.due) == *expected++);
                    handles[each.place.position] = each.handle;
                    bool found = false;
                    for (auto& [name, job] : model) {
                        if (job.position != each.place.position) continue;
                        RC_ASSERT(!job.taken);
                        job.taken = found = true;
                    }
                    RC_ASSERT(found);
                }
                break;
            }
            case 3: {
                for (auto& [name, job] : model) {
                    if (!job.taken) continue;
                    jobs.put_back(handles.at(job.position), at(time));
                    handles.erase(job.position);
                    job.taken = false;
                    job.due = std::max(job.due, time);
                    break;
                }
                break;
            }
            default: {
                DelayedJobs::Handle cursor = 0;
                std::map<std::uint64_t, std::uint64_t> moved;
                while (jobs.relocate(cursor, 7, [&](DelayedJobs::Place place) {
                    moved[place.position] = next_position;
                    return DelayedJobs::Place{next_position++, place.size};
                })) {}
                RC_ASSERT(moved.size() == model.size());
                std::map<std::uint64_t, DelayedJobs::Handle> handles_now;
                for (auto& [name, job] : model) {
                    if (job.taken) handles_now[moved.at(job.position)] = handles.at(job.position);
                    job.position = moved.at(job.position);
                }
                handles = handles_now;
            }
        }
        RC_ASSERT(jobs.size() == model.size());
        RC_ASSERT(jobs.contains(id) == model.contains(id));
        std::optional<Time> first;
        for (const auto& [name, job] : model) {
            if (!job.taken && (!first || at(job.due) < *first)) first = at(job.due);
        }
        RC_ASSERT(jobs.next() == first);
    }
    const auto waiting = jobs.waiting();
    RC_ASSERT((model.empty() ? waiting.empty() : waiting.at("q") == static_cast<std::int64_t>(model.size())));
}

TEST(DelayedJobs, C8_hundreds_of_thousands_come_in_order) {
    DelayedJobs jobs;
    constexpr int count = 200'000;
    for (int i = 0; i < count; ++i) jobs.put(uuid(i), "q", at(i * 7919LL % count), {static_cast<std::uint64_t>(i), 1});
    Time last{};
    int seen = 0;
    for (auto taken = jobs.take_due(at(count), 1000); !taken.empty(); taken = jobs.take_due(at(count), 1000)) {
        for (const auto& each : taken) {
            ASSERT_LE(last, each.due);
            last = each.due;
            ++seen;
        }
    }
    EXPECT_EQ(seen, count);
    for (int i = 0; i < count; ++i) ASSERT_TRUE(jobs.remove(uuid(i)));
    EXPECT_EQ(jobs.size(), 0U);
}

}  // namespace
}  // namespace drover::gateway
