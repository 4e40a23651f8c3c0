#include "src/kube/watch.h"

#include <atomic>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/kube/store.h"
#include "tests/kube/owner_thread.h"
#include "tests/kube/scripted_api_server.h"

namespace drover::kube::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// What a watch has told, kept as an operator keeps it.
struct Told {
    std::map<std::string, std::string> versions;  // by name
    int lists = 0;
    std::vector<ApiError::Reason> interruptions;
    bool elsewhere = false;  // told on a thread that is not the owner's
};

class WatchTest : public testing::Test, private Watch::Listener {
protected:
    void watch(const ScriptedApiServer& server, Watch::Settings settings = {job_queues, {"shop", "", ""}}) {
        client_ = server.client();
        Watch::Listener& listener = *this;
        owner_.run([&] { watch_ = std::make_unique<Watch>(*client_, settings, owner_.executor(), listener); });
    }
    void end() {
        owner_.run([&] { watch_.reset(); });
    }
    ~WatchTest() override {
        end();
        EXPECT_FALSE(told_.get().elsewhere);
    }

    bool await_versions(const std::map<std::string, std::string>& versions) {
        return told_.await([&](const Told& told) { return told.versions == versions; });
    }

    OwnerThread owner_;
    Signalled<Told> told_;

private:
    void tell() {
        told_.change([&](Told& told) {
            told.versions.clear();
            for (const auto& [key, object] : store_.objects()) {
                told.versions[key.name] = (*object)["metadata"]["resourceVersion"];
            }
            told.elsewhere |= !owner_.is_here();
        });
    }
    void replaced(std::vector<json> objects) override {
        store_.replace(std::move(objects));
        told_.change([](Told& told) { ++told.lists; });
        tell();
    }
    void changed(json object) override {
        store_.put(std::move(object));
        tell();
    }
    void deleted(const json& object) override {
        store_.remove(key_of(object));
        tell();
    }
    void interrupted(const ApiError& error) override {
        told_.change([&](Told& told) { told.interruptions.push_back(error.reason); });
        tell();
    }

    Store store_;
    std::unique_ptr<ApiClient> client_;
    std::unique_ptr<Watch> watch_;
};

bool is_watch(const Asked& asked) { return asked.has("watch=true"); }

TEST_F(WatchTest, tells_what_there_is_and_then_what_happens) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (!is_watch(asked)) return turn.answer(200, list_of({object("a", 1), object("b", 2)}, 10));
        turn.begin_stream();
        turn.event("MODIFIED", object("a", 11));
        turn.event("DELETED", object("b", 12));
        turn.event("ADDED", object("c", 13));
        turn.wait_for_hang_up();
    });
    watch(server);
    EXPECT_TRUE(await_versions({{"a", "11"}, {"c", "13"}}));
    end();
    EXPECT_EQ(server.asked().at(1).parameter("resourceVersion"), "10");
    EXPECT_TRUE(told_.get().interruptions.empty());
}

TEST_F(WatchTest, goes_on_after_the_last_version_that_an_event_or_a_bookmark_had) {
    std::atomic<int> watches = 0;
    ScriptedApiServer server([&](const Asked& asked, Turn& turn) {
        if (!is_watch(asked)) return turn.answer(200, list_of({object("a", 1)}, 10));
        turn.begin_stream();
        switch (++watches) {
            case 1: turn.event("MODIFIED", object("a", 11)); return turn.end_stream();
            case 2: turn.event("BOOKMARK", bookmark(50)); return turn.end_stream();
            case 3:  // in the middle of a line
                turn.raw(Turn::line("MODIFIED", object("a", 51)) +
                         R"({"type":"MODIFIED","object":{"metadata":{"name":"a)");
                return turn.cut();
            default: turn.event("MODIFIED", object("a", 52)); return turn.wait_for_hang_up();
        }
    });
    watch(server);
    EXPECT_TRUE(await_versions({{"a", "52"}}));
    end();
    std::vector<std::string> from;
    for (const auto& asked : server.asked()) from.push_back(asked.parameter("resourceVersion"));
    EXPECT_THAT(from, testing::ElementsAre("", "10", "11", "50", "51"));
    EXPECT_THAT(told_.get().interruptions, testing::ElementsAre(ApiError::Reason::unreachable));
}

TEST_F(WatchTest, lists_anew_when_its_version_has_expired_and_tells_what_it_missed) {
    std::atomic<int> lists = 0;
    ScriptedApiServer server([&](const Asked& asked, Turn& turn) {
        if (!is_watch(asked)) {
            if (++lists == 1) return turn.answer(200, list_of({object("a", 1), object("b", 2)}, 10));
            return turn.answer(200, list_of({object("b", 21), object("c", 22)}, 30));
        }
        if (asked.parameter("resourceVersion") == "10") return turn.refuse(410, "Expired");
        turn.begin_stream();
        turn.event("ADDED", object("d", 31));
        turn.event("ERROR", {{"kind", "Status"}, {"code", 410}, {"reason", "Expired"}});
        turn.wait_for_hang_up();
    });
    watch(server);
    EXPECT_TRUE(await_versions({{"b", "21"}, {"c", "22"}, {"d", "31"}}));
    EXPECT_TRUE(told_.await([](const Told& told) { return told.lists >= 3; }));
    end();
    EXPECT_TRUE(told_.get().interruptions.empty());
}

TEST_F(WatchTest, a_server_that_falls_silent_is_asked_anew) {
    std::atomic<int> watches = 0;
    ScriptedApiServer server([&](const Asked& asked, Turn& turn) {
        if (!is_watch(asked)) return turn.answer(200, list_of({object("a", 1)}, 10));
        turn.begin_stream();
        if (++watches > 1) turn.event("MODIFIED", object("a", 11));
        turn.wait_for_hang_up();
    });
    Watch::Settings settings{job_queues, {"shop", "", ""}};
    settings.idle = 100ms;
    watch(server, settings);
    EXPECT_TRUE(await_versions({{"a", "11"}}));
}

TEST_F(WatchTest, gets_over_a_server_in_trouble_and_says_so) {
    std::atomic<int> requests = 0;
    ScriptedApiServer server([&](const Asked& asked, Turn& turn) {
        switch (++requests) {
            case 1: return turn.refuse(500, "InternalError");
            case 2: return turn.answer(200, list_of({object("a", 1)}, 10));
            case 3: return turn.refuse(429, "TooManyRequests", "Retry-After: 1\r\n");
            default: break;
        }
        if (!is_watch(asked)) return turn.answer(200, list_of({}, 99));
        turn.begin_stream();
        turn.event("MODIFIED", object("a", 11));
        turn.wait_for_hang_up();
    });
    watch(server);
    EXPECT_TRUE(await_versions({{"a", "11"}}));
    EXPECT_THAT(told_.get().interruptions, testing::ElementsAre(ApiError::Reason::server, ApiError::Reason::throttled));
}

TEST_F(WatchTest, tells_nothing_more_once_it_has_ended_however_much_comes) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (!is_watch(asked)) return turn.answer(200, list_of({object("a", 1)}, 10));
        turn.begin_stream();
        for (int i = 11; i < 5000; ++i) turn.event("MODIFIED", object("a", i));
        turn.wait_for_hang_up();
    });
    watch(server);
    EXPECT_TRUE(told_.await([](const Told& told) { return !told.versions.empty(); }));
    end();
    const auto at_end = told_.get().versions;
    owner_.run([] {});  // after all that was posted
    EXPECT_EQ(told_.get().versions, at_end);
}

}  // namespace
}  // namespace drover::kube::test
