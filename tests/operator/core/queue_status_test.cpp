#include "operator/core/queue_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::operator_core {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Is = Finding::Is;
using ::testing::HasSubstr;

const Time noon = *parse_rfc3339("2026-11-26T12:00:00Z");
const jobqueue::JobQueue email{.name = "email", .ns = "shop"};

json deployment(int wanted, int existing, int ready) {
    return {{"spec", {{"replicas", wanted}}}, {"status", {{"replicas", existing}, {"readyReplicas", ready}}}};
}

// All is well, and two of two workers are at it.
Facts well() {
    Facts facts;
    facts.generation = 4;
    facts.spec_valid = {Is::yes, "Valid", ""};
    facts.kafka_reachable = {Is::yes, "Reachable", ""};
    facts.topics_ready = {Is::yes, "TopicsExist", ""};
    facts.workload_applied = {Is::yes, "Applied", ""};
    facts.figures =
        jobqueue::QueueFigures{.partitions = 3, .unfinished = 9, .retrying = 4, .backlog = 7, .dead_letters = 2};
    facts.deployment = deployment(2, 2, 2);
    facts.oldest_since = noon - 30s;
    return facts;
}

json condition(const json& status, const std::string& type) {
    for (const json& each : status.at("conditions")) {
        if (each.at("type") == type) return each;
    }
    return {};
}
std::string brief(const json& status, const std::string& type) {
    const json found = condition(status, type);
    return found.at("status").get<std::string>() + " " + found.at("reason").get<std::string>();
}

TEST(QueueStatus, B8_of_a_queue_at_work) {
    const json status = status_of(email, well(), json::object(), noon);
    EXPECT_EQ(status.at("observedGeneration"), 4);
    EXPECT_EQ(status.at("backlog"), 7);
    EXPECT_EQ(status.at("retrying"), 2) << "those that are not due";
    EXPECT_EQ(status.at("deadLetters"), 2);
    EXPECT_EQ(status.at("replicas"), 2);
    EXPECT_EQ(status.at("readyReplicas"), 2);
    EXPECT_EQ(status.at("selector"), "drover.dev/queue=email");
    EXPECT_EQ(status.at("oldestSince"), "2026-11-26T11:59:30.000Z");
    EXPECT_EQ(brief(status, "Ready"), "True WorkersReady");
    EXPECT_EQ(brief(status, "Active"), "True JobsWaiting");
    EXPECT_EQ(brief(status, "Paused"), "False NotPaused");
    EXPECT_EQ(brief(status, "WorkerUnreachable"), "False WorkersAnswer");
    EXPECT_EQ(brief(status, "KeyBlocked"), "False NoKeyBlocked");
    EXPECT_EQ(brief(status, "DrainHookConflict"), "False NoConflict");
}

TEST(QueueStatus, B8_the_first_thing_that_is_not_so_is_why_it_is_not_ready) {
    Facts facts = well();
    facts.workload_applied = {Is::no, "ApplyFailed", "c"};
    EXPECT_EQ(brief(status_of(email, facts, {}, noon), "Ready"), "False ApplyFailed");
    facts.topics_ready = {Is::unknown, "KafkaUnreachable", "b"};
    EXPECT_EQ(brief(status_of(email, facts, {}, noon), "Ready"), "Unknown KafkaUnreachable");
    facts.kafka_reachable = {Is::no, "Unreachable", "a"};
    EXPECT_EQ(brief(status_of(email, facts, {}, noon), "Ready"), "False Unreachable");
    facts.spec_valid = {Is::no, "InvalidSpec", "spec.delivery.timeout: must be"};
    EXPECT_EQ(brief(status_of(email, facts, {}, noon), "Ready"), "False InvalidSpec");
}

TEST(QueueStatus, B6_figures_that_cannot_be_read_are_unknown_and_keep_their_last_value) {
    const json before = status_of(email, well(), json::object(), noon);
    Facts facts = well();
    facts.figures.reset();
    facts.kafka_reachable = {Is::no, "Unreachable", "no broker answers"};
    const json status = status_of(email, facts, before, noon + 1min);
    EXPECT_EQ(status.at("backlog"), 7);
    EXPECT_EQ(brief(status, "Active"), "Unknown FiguresUnknown");
    EXPECT_EQ(brief(status, "Paused"), "Unknown FiguresUnknown");
    EXPECT_EQ(condition(status, "KafkaReachable").at("message"), "no broker answers");
}

TEST(QueueStatus, B8_a_condition_keeps_its_time_until_its_status_changes) {
    const json before = status_of(email, well(), json::object(), noon);
    Facts facts = well();
    facts.figures->backlog = 0;
    const json status = status_of(email, facts, before, noon + 1min);
    EXPECT_EQ(brief(status, "Active"), "True RetriesWaiting");
    EXPECT_EQ(condition(status, "Active").at("lastTransitionTime"), "2026-11-26T12:00:00.000Z")
        << "only its reason is new";
    facts.figures->unfinished = 0;
    const json idle = status_of(email, facts, status, noon + 2min);
    EXPECT_EQ(condition(idle, "Active").at("lastTransitionTime"), "2026-11-26T12:02:00.000Z");
    EXPECT_FALSE(idle.contains("oldestSince"));
}

TEST(QueueStatus, B8_an_image_that_cannot_be_pulled_is_said_in_the_kubelets_words) {
    Facts facts = well();
    facts.deployment = deployment(2, 2, 0);
    facts.pods = {{.name = "one", .waiting_reason = "ContainerCreating"},
                  {.name = "two", .waiting_reason = "ErrImagePull", .waiting_message = "not found"}};
    const json ready = condition(status_of(email, facts, {}, noon), "Ready");
    EXPECT_EQ(ready.at("reason"), "ErrImagePull");
    EXPECT_EQ(ready.at("message"), "0 of 2 workers ready; pod two: ErrImagePull: not found");
    facts.pods.pop_back();
    EXPECT_EQ(brief(status_of(email, facts, {}, noon), "Ready"), "False WorkersStarting");
}

TEST(QueueStatus, B8_what_sidecars_say_becomes_a_condition) {
    Facts facts = well();
    facts.pods = {{.name = "one", .ready = true, .asked = true},
                  {.name = "two", .asked = true, .worker_reachable = false, .blocked_job = "job 7, key k: 3 jobs wait"},
                  {.name = "three", .ending = true, .asked = true, .worker_reachable = false},
                  {.name = "four", .asked = false, .worker_reachable = false}};
    const json status = status_of(email, facts, {}, noon);
    EXPECT_EQ(brief(status, "WorkerUnreachable"), "True PortDoesNotAnswer");
    EXPECT_THAT(condition(status, "WorkerUnreachable").at("message").get<std::string>(),
                HasSubstr("pod two: nothing answers on port 8080"));
    EXPECT_EQ(condition(status, "KeyBlocked").at("message"), "pod two: job 7, key k: 3 jobs wait");
}

TEST(QueueStatus, B8_a_decision_is_written_with_its_time_and_memory) {
    Facts facts = well();
    facts.decision = Decision{.replicas = 2, .reason = "TargetLag", .message = "because"};
    const json first = status_of(email, facts, {}, noon);
    EXPECT_EQ(
        first.at("lastDecision"),
        (json{{"replicas", 2}, {"reason", "TargetLag"}, {"message", "because"}, {"at", "2026-11-26T12:00:00.000Z"}}));
    EXPECT_TRUE(first.contains("scalingMemory"));
    facts.decision->message = "because of other figures";
    const json second = status_of(email, facts, first, noon + 1s);
    EXPECT_EQ(second.at("lastDecision").at("at"), "2026-11-26T12:00:00.000Z");
    EXPECT_FALSE(is_urgent(first, second));
    facts.decision->replicas = 3;
    const json third = status_of(email, facts, second, noon + 2s);
    EXPECT_EQ(third.at("lastDecision").at("at"), "2026-11-26T12:00:02.000Z");
    EXPECT_TRUE(is_urgent(second, third));
}

TEST(QueueStatus, B12_steps_of_an_earlier_policy_are_kept_until_they_are_known_to_be_empty) {
    jobqueue::JobQueue queue = email;
    queue.retry = {.max_attempts = 3, .initial = 2s};
    const json before = status_of(queue, well(), json::object(), noon);
    EXPECT_EQ(before.at("retrySteps"), (json{"2s", "4s"}));

    queue.retry.initial = 3s;
    Facts facts = well();
    facts.retired = retired_retry_topics(queue, before, &*facts.figures);
    EXPECT_EQ(facts.retired,
              (std::vector<jobqueue::RetryTopic>{{"shop.email.retry.2s", 2s}, {"shop.email.retry.4s", 4s}}));
    const json changed = status_of(queue, facts, before, noon + 1s);
    EXPECT_EQ(changed.at("retrySteps"), (json{"2s", "4s", "3s", "6s"}));

    facts.figures->retrying_by_topic = {{"shop.email.retry.2s", 0}, {"shop.email.retry.4s", 5}};
    EXPECT_EQ(retired_retry_topics(queue, changed, &*facts.figures),
              (std::vector<jobqueue::RetryTopic>{{"shop.email.retry.4s", 4s}}));
    EXPECT_EQ(retired_retry_topics(queue, changed, nullptr).size(), 2U) << "nobody has looked";

    // A spec that makes no sense at the moment says nothing about steps.
    facts.spec_valid = {Is::no, "InvalidSpec", ""};
    EXPECT_EQ(status_of(jobqueue::JobQueue{.name = "email"}, facts, changed, noon + 2s).at("retrySteps"),
              changed.at("retrySteps"));
}

TEST(QueueStatus, figures_alone_are_not_urgent_and_a_condition_is) {
    const json before = status_of(email, well(), {}, noon);
    Facts facts = well();
    facts.figures->backlog = 1;
    EXPECT_FALSE(is_urgent(before, status_of(email, facts, before, noon + 1s)));
    facts.figures->paused = true;
    EXPECT_TRUE(is_urgent(before, status_of(email, facts, before, noon + 1s)));
}

}  // namespace
}  // namespace drover::operator_core
