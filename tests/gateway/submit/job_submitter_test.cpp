// What the submitter makes of a Kafka that refuses, breaks and goes away, and of a spool that is full.
#include "gateway/submit/job_submitter.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/kafka/mock_cluster.h"

namespace drover::gateway::test {
namespace {

using namespace std::chrono_literals;
using kafka::test::MockCluster;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

class JobSubmitterTest : public testing::Test {
protected:
    JobSubmitterTest() {
        char path[] = "/tmp/drover-submit-XXXXXX";
        folder_ = mkdtemp(path);
        options_.kafka = cluster_.settings();
        options_.spool_folder = folder_ + "/spool";
        options_.patience = 500ms;
    }
    ~JobSubmitterTest() override {
        submitter_.reset();
        std::filesystem::remove_all(folder_);
    }

    void start() {
        auto submitter = JobSubmitter::create(options_, io_.get_executor(), metrics_);
        ASSERT_TRUE(submitter) << submitter.error().message;
        submitter_ = std::move(*submitter);
    }

    // Turns until it holds; the limit only turns a hang into a failure.
    template <class Condition>
    bool run_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (!condition() && std::chrono::steady_clock::now() < end) io_.run_one_for(100ms);
        return condition();
    }

    std::size_t submit(const std::string& value, const std::string& topic = "jobs", bool unhurried = false) {
        const std::size_t number = outcomes_.size();
        outcomes_.emplace_back();
        submitter_->submit({.topic = topic,
                            .key = "one",
                            .value = value,
                            .headers = {},
                            .id = value.substr(0, 20),
                            .unhurried = unhurried},
                           [this, number](Result<Accepted> outcome) { outcomes_[number] = std::move(outcome); });
        return number;
    }
    Result<Accepted> outcome_of(std::size_t number) {
        EXPECT_TRUE(run_until([&] { return outcomes_[number].has_value(); })) << "no answer";
        return outcomes_[number].value_or(failure(Error::Code::internal, "no answer"));
    }
    Result<Accepted> ask(const std::string& value, const std::string& topic = "jobs") {
        return outcome_of(submit(value, topic));
    }
    // How many of "0", "1", … were taken until the spool took no more.
    std::size_t fill_spool(const std::string& padding, Error& refusal) {
        for (std::size_t taken = 0; taken < 10'000; ++taken) {
            const Result<Accepted> outcome = ask(std::to_string(taken) + padding);
            if (outcome) continue;
            refusal = outcome.error();
            return taken;
        }
        return 10'000;
    }
    bool is_all_in_kafka() {
        return run_until([this] {
            const JobSubmitter::Health health = submitter_->health();
            return health.spooled_records == 0 && health.in_flight == 0 && !health.kafka_away_since;
        });
    }
    std::string refused_file() const {
        std::stringstream content;
        content << std::ifstream(options_.spool_folder + "/refused").rdbuf();
        return content.str();
    }

    MockCluster cluster_;
    std::string folder_;
    JobSubmitter::Options options_;
    boost::asio::io_context io_{1};
    telemetry::Metrics metrics_;
    std::vector<std::optional<Result<Accepted>>> outcomes_;
    std::unique_ptr<JobSubmitter> submitter_;
};

TEST_F(JobSubmitterTest, C1_a_missing_topic_is_told_and_is_not_taken_for_a_kafka_that_is_away) {
    options_.patience = 10s;
    cluster_.set_topic_error("none", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    start();
    const std::size_t lost = submit("a", "none");
    const std::size_t kept = submit("b");
    const Result<Accepted> refused = outcome_of(lost), accepted = outcome_of(kept);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::not_found) << refused.error().message;
    ASSERT_TRUE(accepted) << accepted.error().message;
    EXPECT_FALSE(accepted->spooled);
    const JobSubmitter::Health health = submitter_->health();
    EXPECT_FALSE(health.kafka_away_since);
    EXPECT_EQ(health.spooled_records, 0U);
    EXPECT_EQ(health.refused, 0U);
}

TEST_F(JobSubmitterTest, C1_what_nobody_waits_for_keeps_nobody_waiting) {
    options_.patience = 60s;
    options_.linger = 1ms;
    start();
    EXPECT_TRUE(outcome_of(submit("event", "jobs", true)));
    submitter_.reset();
    options_.linger = 10min;
    start();
    const std::size_t event = submit("event", "jobs", true), job = submit("job");
    EXPECT_TRUE(outcome_of(job));
    EXPECT_FALSE(outcomes_[event]);
}

TEST_F(JobSubmitterTest, C1_what_kafka_refuses_is_told_with_its_reason_and_the_next_one_is_taken) {
    options_.patience = 20s;
    start();
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    const Result<Accepted> invalid = ask("refused");
    ASSERT_FALSE(invalid);
    EXPECT_EQ(invalid.error().code, Error::Code::invalid) << invalid.error().message;
    EXPECT_TRUE(ask("taken"));
    const Result<Accepted> large = ask(std::string(200 << 20, 'x'));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Error::Code::too_large);
    EXPECT_TRUE(ask("taken, too"));
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    const Result<Accepted> forbidden = ask("forbidden");
    ASSERT_FALSE(forbidden);
    EXPECT_EQ(forbidden.error().code, Error::Code::unauthorized) << forbidden.error().message;
    EXPECT_EQ(submitter_->health().spooled_records, 0U);
}

TEST_F(JobSubmitterTest, C11_what_was_accepted_into_the_spool_goes_out_in_order) {
    start();
    cluster_.stop();
    std::vector<std::string> sent;
    for (int i = 0; i < 50; ++i) sent.push_back(std::to_string(i));
    for (const std::string& each : sent) {
        const Result<Accepted> accepted = ask(each);
        ASSERT_TRUE(accepted) << accepted.error().message;
        EXPECT_TRUE(accepted->spooled);
    }
    EXPECT_TRUE(submitter_->health().kafka_away_since);
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_EQ(cluster_.read("jobs", sent.size()), sent);
}

TEST_F(JobSubmitterTest, C11_what_nobody_waits_for_goes_through_the_spool_too) {
    start();
    cluster_.stop();
    const std::size_t event = submit("event", "jobs", true), job = submit("job");
    EXPECT_TRUE(outcome_of(event));
    EXPECT_TRUE(outcome_of(job));
    EXPECT_EQ(submitter_->health().spooled_records, 2U);
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_THAT(cluster_.read("jobs", 2), testing::UnorderedElementsAre("event", "job"));
}

TEST_F(JobSubmitterTest, C11_a_topic_that_takes_nothing_does_not_keep_the_other_producer_from_going_on) {
    cluster_.create("stuck");
    cluster_.take_leader("stuck");
    start();
    const std::size_t waits = submit("waits", "stuck");
    std::size_t others = 0;
    for (; !outcomes_[waits] && others < 100'000; ++others) ASSERT_TRUE(ask("another"));
    ASSERT_TRUE(outcome_of(waits));  // in the spool, and with the producer until the topic has a leader
    ASSERT_FALSE(submitter_->health().kafka_away_since);
    ASSERT_EQ(submitter_->health().in_flight, 1U);
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_TRUE(outcome_of(submit("event", "jobs", true)));
    EXPECT_TRUE(ask("job"));
    const auto found = cluster_.read("jobs", others + 2, [this] { io_.poll(); });
    EXPECT_THAT(found, testing::IsSupersetOf({"event", "job"}));
}

TEST_F(JobSubmitterTest, C11_an_accepted_record_that_kafka_refuses_for_good_is_kept_aside_and_holds_up_no_other) {
    start();
    cluster_.stop();
    ASSERT_TRUE(ask("the refused one"));
    ASSERT_TRUE(ask("the next one"));
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    const std::uint64_t refused = submitter_->health().refused;
    EXPECT_GE(refused, 1U);  // a batch is refused as a whole
    EXPECT_THAT(refused_file(), HasSubstr("the refused one"));
    EXPECT_EQ(cluster_.read("jobs", 2 - refused).size(), 2 - refused);
    EXPECT_TRUE(ask("taken again"));
}

TEST_F(JobSubmitterTest, C11_accepted_records_whose_topic_is_gone_wait_for_it_and_hold_up_no_other) {
    cluster_.create("gone");
    start();
    ASSERT_TRUE(ask("before", "gone"));
    cluster_.stop();
    ASSERT_TRUE(ask("first", "gone"));
    ASSERT_TRUE(ask("second", "gone"));
    ASSERT_TRUE(ask("of another topic"));
    cluster_.set_topic_error("gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    submitter_.reset();
    start();  // its producer does not know the topic from before
    cluster_.start();
    EXPECT_THAT(cluster_.read("jobs", 1, [this] { io_.run_one_for(10ms); }), ElementsAre("of another topic"));
    EXPECT_GE(submitter_->health().spooled_records, 2U);
    cluster_.set_topic_error("gone", RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_EQ(submitter_->health().refused, 0U);
    EXPECT_THAT(cluster_.read("gone", 3), ElementsAre("before", "first", "second"));
}

TEST_F(JobSubmitterTest, C11_a_producer_that_breaks_loses_nothing) {
    start();
    ASSERT_TRUE(ask("connects"));
    std::vector<std::string> sent = {"connects"};
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 200; ++i) {
        sent.push_back(std::to_string(i));
        numbers.push_back(submit(sent.back()));
    }
    for (const std::size_t number : numbers) {
        const Result<Accepted> accepted = outcome_of(number);
        EXPECT_TRUE(accepted) << accepted.error().message;
    }
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_EQ(submitter_->health().refused, 0U);
    std::vector<std::string> found = cluster_.read("jobs", sent.size());
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());  // those in flight may be there twice
    EXPECT_THAT(found, UnorderedElementsAreArray(sent));
}

TEST_F(JobSubmitterTest, C11_without_a_spool_a_producer_that_breaks_is_told) {
    options_.spool_folder.clear();
    options_.patience = 20s;
    start();
    ASSERT_TRUE(ask("connects"));
    cluster_.refuse_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    const Result<Accepted> outcome = ask("in flight");
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().retryable);
    EXPECT_TRUE(ask("the next one"));
}

TEST_F(JobSubmitterTest, C11_a_full_spool_takes_no_more_and_keeps_what_it_took) {
    options_.spool_limit = 20'000;
    start();
    cluster_.stop();
    Error refusal;
    const std::string padding(1000, 'x');
    const std::size_t taken = fill_spool(padding, refusal);
    EXPECT_GT(taken, 5U);
    EXPECT_LT(taken, 20U);
    EXPECT_EQ(refusal.code, Error::Code::unavailable);
    EXPECT_TRUE(refusal.retryable);
    EXPECT_THAT(refusal.message, HasSubstr("full"));
    EXPECT_THAT(submitter_->health().spool_trouble, HasSubstr("full"));
    EXPECT_EQ(submitter_->health().spooled_records, taken);
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_EQ(cluster_.read("jobs", taken).size(), taken);
    EXPECT_TRUE(ask("taken again"));
    EXPECT_TRUE(run_until([this] { return submitter_->health().spool_trouble.empty(); })) << "it has room again";
}

TEST_F(JobSubmitterTest, C11_a_full_disk_is_told_and_heals) {
    start();
    cluster_.stop();
    ASSERT_TRUE(ask("while there is room"));
    // No file may grow: what a write to a full disk comes to, without one.
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit none{.rlim_cur = 1, .rlim_max = limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    const Result<Accepted> refused = ask("without room");
    const std::string trouble = submitter_->health().spool_trouble;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    std::signal(SIGXFSZ, before);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unavailable) << refused.error().message;
    EXPECT_TRUE(refused.error().retryable);
    EXPECT_FALSE(trouble.empty());
    EXPECT_TRUE(ask("with room again"));
    EXPECT_THAT(submitter_->health().spool_trouble, IsEmpty());
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_THAT(cluster_.read("jobs", 2), ElementsAre("while there is room", "with room again"));
}

TEST_F(JobSubmitterTest, C11_what_a_full_spool_could_not_take_of_those_in_flight_is_a_timeout) {
    options_.spool_limit = 1;  // it takes none at all
    start();
    ASSERT_TRUE(ask("connects"));
    cluster_.stop();
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 10; ++i) numbers.push_back(submit(std::to_string(i)));
    std::size_t late = 0;
    for (const std::size_t number : numbers) {
        const Result<Accepted> outcome = outcome_of(number);
        if (outcome) continue;
        ++late;
        EXPECT_TRUE(outcome.error().code == Error::Code::timeout || outcome.error().code == Error::Code::unavailable)
            << outcome.error().message;
        EXPECT_TRUE(outcome.error().retryable);
    }
    EXPECT_GT(late, 0U);
    cluster_.start();
    EXPECT_TRUE(is_all_in_kafka());
    EXPECT_TRUE(ask("taken again"));
}

}  // namespace
}  // namespace drover::gateway::test
