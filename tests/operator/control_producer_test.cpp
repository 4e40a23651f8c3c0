#include "operator/control_producer.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/kafka/mock_cluster.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;
using kafka::test::MockCluster;
using Steady = ControlProducer::Steady;

const std::vector<jobqueue::ControlMessage> message{{"pause/operator", "{}"}};

class ControlProducing : public testing::Test {
protected:
    ControlProducing() {
        cluster_.create("mute");
        cluster_.create("other");
        cluster_.count_requests();
        auto made = ControlProducer::create(cluster_.settings());
        if (made) producer_ = std::move(*made);
    }
    template <class Condition>
    bool comes_true(Condition condition) {
        const auto last = Steady::now() + 60s;
        while (!condition()) {
            if (Steady::now() > last) return false;
            std::this_thread::sleep_for(10ms);
            producer_->poll();
        }
        return true;
    }
    std::ptrdiff_t written() const { return cluster_.requests(kafka::test::api_produce); }

    MockCluster cluster_;
    std::unique_ptr<ControlProducer> producer_;
};

TEST_F(ControlProducing, a_topic_that_takes_nothing_holds_no_other_up_and_is_tried_again_later_B8) {
    cluster_.take_leader("mute");
    producer_->produce("mute", message);
    producer_->produce("other", message);
    EXPECT_TRUE(comes_true([&] { return written() == 1; })) << "while the first waits";
    // Refused: it is to be left alone for longer than one that waits for its answer.
    EXPECT_TRUE(comes_true([&] { return producer_->produce("mute", message) > Steady::now() + 700ms; }));
    cluster_.give_leader("mute");
    EXPECT_TRUE(comes_true([&] {
        producer_->produce("mute", message);
        return written() >= 2;
    }));
}

TEST_F(ControlProducing, what_has_no_answer_yet_is_not_produced_again_B8) {
    const auto wait_for_writes = [&](std::ptrdiff_t count) {  // without poll(), so that no answer is taken
        while (written() < count) std::this_thread::sleep_for(10ms);
    };
    producer_->produce("other", message);
    wait_for_writes(1);
    for (int i = 0; i < 5; ++i) EXPECT_GT(producer_->produce("other", message), Steady::now());
    producer_->produce("mute", message);
    wait_for_writes(2);
    EXPECT_EQ(written(), 2);
}

}  // namespace
}  // namespace drover::operators
