// The feeder with a real broker, on both databases.
#include "gateway/view/view_feeder.h"

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "tests/gateway/view/test_databases.h"
#include "tests/kafka/test_broker.h"
#include "tests/kube/owner_thread.h"

namespace drover::gateway::test {
namespace {

using kube::test::OwnerThread;
using kube::test::Signalled;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// What a gateway's loop would keep of it.
struct Heard {
    std::map<std::string, JobState> states;
    std::set<std::string> named;  // by another gateway
    int missed = 0;
    std::uint64_t most_applied = 0;
    FeederStatus status;
};

class Gateway final : public ViewFeeder::Listener {
public:
    Gateway(const TestDatabase& database, const std::string& topic, kafka::Settings kafka = kafka::test::settings())
        : feeder_(std::make_unique<ViewFeeder>(FeederOptions{.kafka = std::move(kafka),
                                                             .events_topic = topic,
                                                             .view = {.where = database.where()},
                                                             .batch_wait = 5ms,
                                                             .after_trouble = 50ms,
                                                             .retention_interval = 50ms},
                                               owner_.executor(), *this)) {}
    ~Gateway() {
        owner_.run([&] { feeder_.reset(); });
    }

    ViewFeeder& feeder() { return *feeder_; }
    template <class Holds>
    bool await(Holds holds) {
        return heard_.await(holds);
    }
    bool await_state(const std::string& id, JobState state) {
        return await([&](const Heard& heard) {
            const auto found = heard.states.find(id);
            return found != heard.states.end() && found->second == state;
        });
    }
    Heard heard() { return heard_.get(); }

private:
    void jobs_changed(const std::vector<JobChange>& changes) override {
        EXPECT_TRUE(owner_.is_here());
        heard_.change([&](Heard& heard) {
            for (const JobChange& change : changes) {
                if (change.job)
                    heard.states[change.key.id] = change.job->state;
                else
                    heard.named.insert(change.key.id);
            }
        });
    }
    void changes_missed() override {
        heard_.change([](Heard& heard) { ++heard.missed; });
    }
    void status_changed(const FeederStatus& status) override {
        heard_.change([&](Heard& heard) {
            heard.status = status;
            heard.most_applied = std::max(heard.most_applied, status.applied);
        });
    }

    Signalled<Heard> heard_;
    OwnerThread owner_;
    std::unique_ptr<ViewFeeder> feeder_;
};

class ViewFeederTest : public testing::TestWithParam<Kind> {
protected:
    static void produce(const std::string& topic, const std::vector<std::pair<std::string, JobEvent>>& events) {
        std::vector<kafka::test::Sent> records;
        for (const auto& [id, state] : events) {
            const ToldEvent told(LifecycleEvent{.queue = "default.email",
                                                .job_id = id,
                                                .state = state,
                                                .attempt = state == JobEvent::submitted ? 0 : 1,
                                                .at = at(1)});
            records.push_back({id, told.json(), {}});
        }
        kafka::test::produce(topic, records);
    }
    static std::vector<std::pair<std::string, JobEvent>> many(int count, JobEvent state) {
        std::vector<std::pair<std::string, JobEvent>> events;
        for (int i = 0; i < count; ++i) events.emplace_back("job-" + std::to_string(i), state);
        return events;
    }
    std::int64_t count(JobState state) { return must(view_->counts())["default.email"][state]; }

    const std::unique_ptr<TestDatabase> database_ = GetParam() == Kind::sqlite
                                                        ? std::unique_ptr<TestDatabase>(std::make_unique<SqliteFile>())
                                                        : std::make_unique<PostgresDatabaseOfTest>();
    const std::unique_ptr<JobView> view_ = database_->open();
};
ON_BOTH_DATABASES(ViewFeederTest);

TEST_P(ViewFeederTest, C16_what_is_in_the_topic_and_what_comes_is_applied_and_told) {
    const std::string topic = kafka::test::make_topic(3);
    produce(topic, many(2500, JobEvent::submitted));
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    EXPECT_EQ(count(JobState::waiting), 2500);
    produce(topic, many(100, JobEvent::completed));
    ASSERT_TRUE(gateway.await_state("job-99", JobState::completed));
    ASSERT_TRUE(gateway.await_state("job-0", JobState::completed));
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(ViewFeederTest, C16_goes_on_where_the_view_stands) {
    const std::string topic = kafka::test::make_topic(2);
    produce(topic, many(500, JobEvent::submitted));
    {
        Gateway gateway(*database_, topic);
        ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    }
    produce(topic, {{"late", JobEvent::submitted}});
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await_state("late", JobState::waiting));
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.applied > 0; }));
    EXPECT_EQ(gateway.heard().status.applied, 1U);
    EXPECT_EQ(gateway.heard().status.rebuilds, 0U);
}

TEST_P(ViewFeederTest, C16_records_that_are_no_events_are_passed_over_and_counted) {
    const std::string topic = kafka::test::make_topic(1);
    kafka::test::produce(topic, {{"k", "{", {}}, {"k", std::nullopt, {}}, {"k", R"({"jobId":"x"})", {}}});
    produce(topic, {{"good", JobEvent::submitted}});
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await_state("good", JobState::waiting));
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.skipped == 3; }));
    EXPECT_EQ(must(view_->positions()), (EventPositions{{0, 4}}));
}

TEST_P(ViewFeederTest, C16_a_view_that_is_emptied_is_read_anew_by_itself) {
    const std::string topic = kafka::test::make_topic(2);
    produce(topic, many(300, JobEvent::submitted));
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    const QueueCounts before = must(view_->counts());
    if (const auto* file = dynamic_cast<const SqliteFile*>(database_.get())) {
        for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(file->path() + part);
    } else {
        must(view_->clear());
    }
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.most_applied >= 600 && heard.status.caught_up; }));
    EXPECT_EQ(must(view_->counts()), before);
    EXPECT_EQ(must(view_->recount()), before);
}

TEST_P(ViewFeederTest, C16_rebuilt_on_demand_it_answers_as_before) {
    const std::string topic = kafka::test::make_topic(2);
    produce(topic, many(300, JobEvent::submitted));
    produce(topic, many(100, JobEvent::completed));
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    const QueueCounts before = must(view_->counts());
    const auto job = must(view_->jobs("job-50"));
    gateway.feeder().rebuild();
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.rebuilds == 1 && heard.status.caught_up; }));
    EXPECT_EQ(must(view_->counts()), before);
    EXPECT_EQ(must(view_->jobs("job-50")), job);
}

TEST_P(ViewFeederTest, C16_a_view_that_stands_where_the_topic_is_not_any_more_is_read_anew) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, many(100, JobEvent::submitted));
    must(view_->apply({.to = {{0, 10}}}));  // an older database: 10 are read
    kafka::test::must(kafka::test::admin().delete_records({{{topic, 0}, 40}}));
    {
        Gateway gateway(*database_, topic);
        ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
        EXPECT_EQ(gateway.heard().status.rebuilds, 1U);
        EXPECT_EQ(count(JobState::waiting), 60);
    }
    must(view_->clear());
    must(view_->apply({.to = {{0, 1000}}}));  // of another Kafka
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    EXPECT_EQ(gateway.heard().status.rebuilds, 1U);
    EXPECT_EQ(count(JobState::waiting), 60);
}

TEST_P(ViewFeederTest, C16_a_topic_that_is_not_there_yet_is_waited_for) {
    const std::string topic = kafka::test::unique("events");
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return !heard.status.trouble.empty(); }));
    EXPECT_THAT(gateway.heard().status.trouble, HasSubstr(topic));
    kafka::test::must(kafka::test::admin().ensure_topics({{topic, 1, 1, {}}}));
    produce(topic, {{"j", JobEvent::submitted}});
    ASSERT_TRUE(gateway.await_state("j", JobState::waiting));
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.trouble.empty(); }));
}

TEST_P(ViewFeederTest, C16_a_kafka_that_is_away_is_told_and_ends_with_the_feeder) {
    Gateway gateway(*database_, "drover.events", {{"bootstrap.servers", "127.0.0.1:1"}});
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return !heard.status.trouble.empty(); }));
    EXPECT_FALSE(gateway.heard().status.caught_up);
}

TEST_P(ViewFeederTest, C6_what_retention_does_not_keep_goes) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, many(1500, JobEvent::completed));  // long ago
    Gateway gateway(*database_, topic);
    gateway.feeder().retain({{"default.email", {.completed_count = 10}}});
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (count(JobState::completed) != 10 || must(view_->positions()) != EventPositions{{0, 1500}}) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

class SharedViewTest : public ViewFeederTest {};
INSTANTIATE_TEST_SUITE_P(on, SharedViewTest, testing::Values(Kind::postgres), kind_name);

TEST_P(SharedViewTest, C16_of_two_gateways_one_feeds_both_hear_and_the_other_takes_over) {
    const std::string topic = kafka::test::make_topic(2);
    auto first = std::make_unique<Gateway>(*database_, topic);
    ASSERT_TRUE(first->await([](const Heard& heard) { return heard.status.leads && heard.status.caught_up; }));
    Gateway second(*database_, topic);
    ASSERT_TRUE(second.await([](const Heard& heard) { return heard.missed > 0; }));  // it listens
    produce(topic, many(400, JobEvent::submitted));
    ASSERT_TRUE(first->await([](const Heard& heard) { return heard.states.size() == 400; }));
    ASSERT_TRUE(second.await([](const Heard& heard) { return heard.named.size() == 400; }));
    EXPECT_FALSE(second.heard().status.leads);
    EXPECT_EQ(second.heard().status.applied, 0U);

    first.reset();
    produce(topic, many(400, JobEvent::completed));
    ASSERT_TRUE(second.await([](const Heard& heard) { return heard.states.size() == 400; }));
    EXPECT_TRUE(second.heard().status.leads);
    EXPECT_EQ(count(JobState::completed), 400);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(SharedViewTest, C16_a_rebuild_may_be_asked_for_at_a_gateway_that_does_not_lead) {
    const std::string topic = kafka::test::make_topic(1);
    produce(topic, many(50, JobEvent::submitted));
    Gateway first(*database_, topic);
    ASSERT_TRUE(first.await([](const Heard& heard) { return heard.status.caught_up; }));
    Gateway second(*database_, topic);
    ASSERT_TRUE(second.await([](const Heard& heard) { return heard.missed > 0; }));
    second.feeder().rebuild();
    ASSERT_TRUE(first.await([](const Heard& heard) { return heard.most_applied >= 100 && heard.status.caught_up; }));
    EXPECT_EQ(count(JobState::waiting), 50);
}

TEST_P(SharedViewTest, C16_a_database_that_crashes_while_it_is_fed_ends_up_whole) {
    const std::string topic = kafka::test::make_topic(2);
    Gateway gateway(*database_, topic);
    ASSERT_TRUE(gateway.await([](const Heard& heard) { return heard.status.caught_up; }));
    std::ifstream pid_file(std::getenv("DROVER_TEST_POSTGRES_PID_FILE"));
    pid_t server = 0;
    pid_file >> server;
    ASSERT_GT(server, 1);
    produce(topic, many(3000, JobEvent::submitted));
    ASSERT_EQ(::kill(server, SIGQUIT), 0);
    produce(topic, many(3000, JobEvent::completed));
    const auto deadline = std::chrono::steady_clock::now() + 100s;
    for (bool is_whole = false; !is_whole;) {
        const auto counts = view_->counts();
        is_whole = counts && *counts == QueueCounts{{"default.email", {{JobState::completed, 3000}}}};
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
    EXPECT_THAT(must(view_->jobs("job-2999")), SizeIs(1));
}

}  // namespace
}  // namespace drover::gateway::test
