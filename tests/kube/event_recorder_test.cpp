#include "src/kube/event_recorder.h"

#include <set>

#include <gtest/gtest.h>

#include "src/kube/resource.h"

namespace drover::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Time start{std::chrono::hours(24 * 365 * 56)};

json queue(const std::string& name, const std::string& uid = "u") {
    return {{"apiVersion", "drover.dev/v1alpha1"},
            {"kind", "JobQueue"},
            {"metadata", {{"namespace", "shop"}, {"name", name}, {"uid", uid + name}, {"resourceVersion", "7"}}}};
}

const EventNote made{EventNote::Type::normal, "TopicsCreated", "CreateTopics", "3 topics were made"};

TEST(EventRecorder, B8_the_first_of_its_kind_is_a_whole_event) {
    EventRecorder recorder("drover.dev/operator", "drover-0");
    const auto write = recorder.record(queue("email"), made, start + 5us);
    ASSERT_TRUE(write);
    EXPECT_TRUE(write->create);
    EXPECT_EQ(write->body, json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event",
        "metadata":{"namespace":"shop","name":")" +
                                       write->key.name + R"("},
        "eventTime":"2025-12-18T00:00:00.000005Z","reportingController":"drover.dev/operator",
        "reportingInstance":"drover-0","type":"Normal","reason":"TopicsCreated","action":"CreateTopics",
        "note":"3 topics were made","regarding":{"apiVersion":"drover.dev/v1alpha1","kind":"JobQueue",
        "namespace":"shop","name":"email","uid":"uemail","resourceVersion":"7"}})"));
    EXPECT_TRUE(write->key.name.starts_with("email."));
    EXPECT_TRUE(is_path_segment(write->key.name));
}

TEST(EventRecorder, B8_the_same_again_counts_and_is_written_once_a_minute) {
    EventRecorder recorder("c", "i");
    const auto first = recorder.record(queue("email"), made, start);
    EXPECT_FALSE(recorder.record(queue("email"), made, start + 1s));
    EXPECT_FALSE(recorder.record(queue("email"), made, start + 59s));
    const auto fourth = recorder.record(queue("email"), made, start + 60s);
    ASSERT_TRUE(fourth);
    EXPECT_FALSE(fourth->create);
    EXPECT_EQ(fourth->key, first->key);
    EXPECT_EQ(fourth->body, json::parse(R"({"series":{"count":4,"lastObservedTime":"2025-12-18T00:01:00.000000Z"}})"));
    EXPECT_FALSE(recorder.record(queue("email"), made, start + 119s));
}

TEST(EventRecorder, after_six_quiet_minutes_it_is_a_new_event) {
    EventRecorder recorder("c", "i");
    const auto first = recorder.record(queue("email"), made, start);
    EXPECT_FALSE(recorder.record(queue("email"), made, start + 6min - 1us)->create);
    const auto later = recorder.record(queue("email"), made, start + 12min);
    ASSERT_TRUE(later);
    EXPECT_TRUE(later->create);
    EXPECT_NE(later->key, first->key);
}

TEST(EventRecorder, another_object_or_another_note_is_another_event_with_a_name_of_its_own) {
    EventRecorder recorder("c", "i");
    EventNote other = made;
    other.type = EventNote::Type::warning;
    std::set<ObjectKey> keys;
    for (const auto& write :
         {recorder.record(queue("email"), made, start), recorder.record(queue("sms"), made, start),
          recorder.record(queue("email", "made-anew"), made, start), recorder.record(queue("email"), other, start)}) {
        ASSERT_TRUE(write);
        EXPECT_TRUE(write->create);
        keys.insert(write->key);
    }
    EXPECT_EQ(keys.size(), 4U);
}

TEST(EventRecorder, what_kubernetes_would_refuse_is_cut) {
    EventRecorder recorder("c", std::string(500, 'i'));
    std::string long_note;
    for (int i = 0; i < 1000; ++i) long_note += "ü";
    const auto write = recorder.record(queue(std::string(199, 'a') + "-" + std::string(53, 'b')),
                                       {EventNote::Type::normal, std::string(500, 'R'), "A", "x" + long_note}, start);
    ASSERT_TRUE(write);
    EXPECT_EQ(write->body["reason"].get<std::string>().size(), 128U);
    EXPECT_EQ(write->body["reportingInstance"].get<std::string>().size(), 128U);
    EXPECT_EQ(write->body["note"].get<std::string>().size(), 1023U);
    EXPECT_NO_THROW(static_cast<void>(write->body.dump()));
    EXPECT_TRUE(write->key.name.starts_with(std::string(199, 'a') + "."));
    json cluster_wide = {{"kind", "Node"}, {"metadata", {{"name", "n"}}}};
    EXPECT_EQ(recorder.record(cluster_wide, made, start)->key.namespace_name, "default");
}

TEST(EventRecorder, remembers_a_bounded_number) {
    EventRecorder recorder("c", "i");
    for (std::size_t i = 0; i <= EventRecorder::most_remembered; ++i) {
        recorder.record(queue(std::to_string(i)), made, start + std::chrono::milliseconds(i));
    }
    EXPECT_TRUE(recorder.record(queue("0"), made, start + 2min)->create);  // it was the quietest
    EXPECT_FALSE(recorder.record(queue("1000"), made, start + 2min)->create);
}

}  // namespace
}  // namespace drover::kube
