#include "src/kube/leader_elector.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "tests/kube/owner_thread.h"
#include "tests/kube/scripted_api_server.h"

namespace drover::kube::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// An API server that has nothing but one lease.
class LeaseServer {
public:
    std::unique_ptr<ApiClient> client() const { return server_.client({1s}); }
    void set_down(bool down) {
        const std::scoped_lock lock(mutex_);
        down_ = down;
    }
    // Takes the next change of the lease, and does not answer. Returns when it has.
    void take_one_unanswered() {
        std::unique_lock lock(mutex_);
        leaves_unanswered_ = true;
        has_taken_.wait(lock, [this] { return !leaves_unanswered_; });
    }
    std::optional<Lease> lease() {
        const std::scoped_lock lock(mutex_);
        if (!object_) return std::nullopt;
        return read_lease(*object_);
    }

private:
    void serve(const Asked& asked, Turn& turn) {
        std::unique_lock lock(mutex_);
        if (down_) return turn.refuse(503, "ServiceUnavailable");
        if (asked.method == "POST") {
            if (object_) return turn.refuse(409, "AlreadyExists");
            object_ = json::parse(asked.body);
        } else if (!object_) {
            return turn.refuse(404, "NotFound");
        } else if (asked.method == "PATCH") {
            const json patch = json::parse(asked.body);
            if (patch["metadata"]["resourceVersion"] != (*object_)["metadata"]["resourceVersion"]) {
                return turn.refuse(409, "Conflict");
            }
            object_->merge_patch(patch);
        }
        if (asked.method != "GET") (*object_)["metadata"]["resourceVersion"] = std::to_string(++version_);
        if (asked.method == "PATCH" && std::exchange(leaves_unanswered_, false)) {
            has_taken_.notify_all();
            lock.unlock();
            return turn.wait_for_hang_up();
        }
        turn.answer(200, *object_);
    }

    std::mutex mutex_;
    std::condition_variable has_taken_;
    bool down_ = false, leaves_unanswered_ = false;
    std::optional<json> object_;
    int version_ = 0;
    ScriptedApiServer server_{[this](const Asked& asked, Turn& turn) { serve(asked, turn); }};
};

// One replica of an operator.
class Replica final : private LeaderElector::Listener {
public:
    Replica(const LeaseServer& server, const std::string& identity) : client_(server.client()) {
        const ElectionSettings settings{identity, 3s, 2s, 200ms};
        LeaderElector::Listener& listener = *this;
        owner_.run([&] {
            elector_ = std::make_unique<LeaderElector>(*client_, ObjectKey{"shop", "drover"}, settings,
                                                       owner_.executor(), listener);
        });
    }
    ~Replica() { end(); }
    void end() {
        owner_.run([&] { elector_.reset(); });
    }

    bool await_leading(bool leading) {
        return told_.await([=](const Told& told) { return told.leading == leading; });
    }
    bool await_trouble() {
        return told_.await([](const Told& told) { return told.failures > 0; });
    }
    bool leads() const { return elector_ && elector_->leads(); }

private:
    struct Told {
        bool leading = false;
        int failures = 0;
    };
    void leading() override {
        told_.change([](Told& told) { told.leading = true; });
    }
    void following(const std::string&) override {
        EXPECT_FALSE(elector_->leads());
        told_.change([](Told& told) { told.leading = false; });
    }
    void election_failed(const ApiError&) override {
        told_.change([](Told& told) { ++told.failures; });
    }

    std::unique_ptr<ApiClient> client_;
    Signalled<Told> told_;
    OwnerThread owner_;
    std::unique_ptr<LeaderElector> elector_;
};

TEST(LeaderElector, B9_a_standby_takes_over_from_a_leader_that_ends) {
    LeaseServer server;
    auto first = std::make_unique<Replica>(server, "first");
    ASSERT_TRUE(first->await_leading(true));
    EXPECT_TRUE(first->leads());
    Replica second(server, "second");
    EXPECT_FALSE(second.leads());
    EXPECT_EQ(server.lease()->holder, "first");

    first->end();
    ASSERT_TRUE(second.await_leading(true));
    EXPECT_TRUE(second.leads());
    EXPECT_EQ(server.lease()->holder, "second");
    EXPECT_GE(server.lease()->transitions, 1);
}

TEST(LeaderElector, B9_a_leader_that_cannot_renew_stops_by_its_own_clock_and_leads_again_afterwards) {
    LeaseServer server;
    Replica replica(server, "only");
    ASSERT_TRUE(replica.await_leading(true));
    server.set_down(true);
    ASSERT_TRUE(replica.await_leading(false));
    EXPECT_TRUE(replica.await_trouble());
    EXPECT_FALSE(replica.leads());
    server.set_down(false);
    ASSERT_TRUE(replica.await_leading(true));
}

TEST(LeaderElector, B9_gives_its_lease_away_when_it_ends) {
    LeaseServer server;
    Replica replica(server, "only");
    ASSERT_TRUE(replica.await_leading(true));
    replica.end();
    EXPECT_EQ(server.lease()->holder, "");
}

TEST(LeaderElector, B9_gives_its_lease_away_when_it_ends_while_a_renewal_is_under_way) {
    LeaseServer server;
    Replica replica(server, "only");
    ASSERT_TRUE(replica.await_leading(true));
    server.take_one_unanswered();
    replica.end();
    EXPECT_EQ(server.lease()->holder, "");
}

}  // namespace
}  // namespace drover::kube::test
