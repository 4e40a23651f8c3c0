#include "src/kube/api_client.h"

#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube/scripted_api_server.h"

namespace drover::kube::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Reason = ApiError::Reason;

const ObjectKey email{"shop", "email"};
const std::string collection = "/apis/drover.dev/v1alpha1/namespaces/shop/jobqueues";

std::vector<std::string> names(const ObjectList& list) {
    std::vector<std::string> found;
    for (const auto& item : list.objects) found.push_back(item.at("metadata").at("name"));
    return found;
}

TEST(ApiClient, gets_an_object_as_who_it_is) {
    ScriptedApiServer server([](const Asked&, Turn& turn) { turn.answer(200, object("email", 7)); });
    const auto got = server.client({}, "secret")->get(job_queues, email);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ((*got)["metadata"]["resourceVersion"], "7");
    const auto asked = server.asked().at(0);
    EXPECT_EQ(asked.method + " " + asked.target, "GET " + collection + "/email");
    EXPECT_THAT(asked.head, HasSubstr("authorization:Bearer secret"));
}

TEST(ApiClient, lists_page_by_page_and_gives_every_object_its_kind) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (asked.parameter("continue").empty())
            return turn.answer(200, list_of({object("a", 1), object("b", 2)}, 9, "a+b/="));
        turn.answer(200, list_of({object("c", 3)}, 9));
    });
    const auto list = server.client({30s, 2})->list(job_queues, {"shop", "app=a", ""});
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_THAT(names(*list), ElementsAre("a", "b", "c"));
    EXPECT_EQ(list->version, "9");
    EXPECT_EQ(list->objects[2], object("c", 3));
    const auto asked = server.asked();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[0].target, collection + "?labelSelector=app%3Da&limit=2");
    EXPECT_EQ(asked[1].target, collection + "?labelSelector=app%3Da&limit=2&continue=a%2Bb%2F%3D");
}

TEST(ApiClient, a_list_that_grows_too_old_between_its_pages_is_read_in_one_piece) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (asked.parameter("limit").empty()) return turn.answer(200, list_of({object("a", 4), object("c", 5)}, 20));
        if (asked.parameter("continue").empty()) return turn.answer(200, list_of({object("a", 1)}, 9, "next"));
        turn.refuse(410, "Expired");
    });
    const auto list = server.client()->list(job_queues, {});
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_THAT(names(*list), ElementsAre("a", "c"));
    EXPECT_EQ(list->version, "20");
}

TEST(ApiClient, B9_applies_as_a_field_manager) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (!asked.has("force=true")) return turn.refuse(409, "Conflict");
        turn.answer(200, object("email", 8));
    });
    const auto client = server.client();
    const auto taken = client->apply(job_queues, object("email", 7), {"drover", true, true, "status"});
    ASSERT_TRUE(taken) << taken.error().message;
    const auto refused = client->apply(job_queues, object("email", 7), {"drover"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::conflict);
    EXPECT_EQ(client->apply(job_queues, object("email", 7), {}).error().reason, Reason::bad_request);
    const auto asked = server.asked();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[0].method, "PATCH");
    EXPECT_EQ(asked[0].target, collection + "/email/status?fieldManager=drover&force=true&dryRun=All");
    EXPECT_THAT(asked[0].head, HasSubstr("content-type:application/apply-patch+yaml"));
    EXPECT_EQ(json::parse(asked[0].body), object("email", 7));
    EXPECT_EQ(asked[1].target, collection + "/email?fieldManager=drover");
}

TEST(ApiClient, B8_patches_status_and_scale) {
    ScriptedApiServer server([](const Asked&, Turn& turn) { turn.answer(200, object("email", 8)); });
    const auto client = server.client();
    EXPECT_TRUE(client->merge_patch(job_queues, email, "status", {{"status", {{"replicas", 2}}}}, {"drover"}));
    EXPECT_TRUE(client->scale(job_queues, email, 5));
    const auto asked = server.asked();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[0].target, collection + "/email/status?fieldManager=drover");
    EXPECT_THAT(asked[0].head, HasSubstr("content-type:application/merge-patch+json"));
    EXPECT_EQ(asked[1].target, collection + "/email/scale");
    EXPECT_EQ(asked[1].body, R"({"spec":{"replicas":5}})");
}

TEST(ApiClient, creates_and_deletes_with_preconditions) {
    ScriptedApiServer server([](const Asked& asked, Turn& turn) {
        if (asked.method == "POST") return turn.refuse(409, "AlreadyExists");
        turn.answer(200, {{"kind", "Status"}});
    });
    const auto client = server.client();
    EXPECT_EQ(client->create(job_queues, object("email", 7), {"", true}).error().reason, Reason::already_exists);
    DeleteOptions options;
    options.uid = "u";
    options.version = "7";
    options.propagation = "Foreground";
    options.grace_period = 0s;
    EXPECT_TRUE(client->remove(job_queues, email, options));
    const auto asked = server.asked();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[0].target, collection + "?dryRun=All");
    EXPECT_EQ(asked[1].method, "DELETE");
    EXPECT_EQ(json::parse(asked[1].body), json::parse(R"({"apiVersion":"v1","kind":"DeleteOptions",
        "propagationPolicy":"Foreground","gracePeriodSeconds":0,"preconditions":{"uid":"u","resourceVersion":"7"}})"));
}

TEST(ApiClient, refusals_say_why_and_how_long) {
    std::atomic<int> status = 0;
    ScriptedApiServer server([&](const Asked&, Turn& turn) { turn.refuse(status, "Because", "Retry-After: 4\r\n"); });
    const auto client = server.client();
    for (const auto& [code, reason] :
         {std::pair{409, Reason::conflict}, std::pair{410, Reason::expired}, std::pair{422, Reason::invalid},
          std::pair{429, Reason::throttled}, std::pair{500, Reason::server}, std::pair{403, Reason::forbidden}}) {
        status = code;
        const auto got = client->get(job_queues, email);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().reason, reason);
        EXPECT_EQ(got.error().status, code);
        EXPECT_EQ(got.error().message, "says the stub");
        EXPECT_EQ(got.error().retry_after, 4s);
    }
}

TEST(ApiClient, no_answer_and_half_an_answer_are_unreachable_and_a_late_one_a_timeout) {
    ScriptedApiServer cutting([](const Asked&, Turn& turn) { turn.cut(); });
    EXPECT_EQ(cutting.client()->get(job_queues, email).error().reason, Reason::unreachable);
    ScriptedApiServer silent([](const Asked&, Turn& turn) { turn.wait_for_hang_up(); });
    EXPECT_EQ(silent.client({50ms})->get(job_queues, email).error().reason, Reason::timeout);
}

TEST(ApiClient, answers_that_are_none_of_kubernetes_are_unreadable) {
    std::atomic<int> turn_number = 0;
    const std::vector<json> odd = {json::array(),
                                   "text",
                                   3,
                                   json::object(),
                                   {{"items", 3}, {"metadata", bookmark(1)}},
                                   list_of({json::array()}, 1),
                                   list_of({json::object()}, 1),
                                   list_of({}, 1, "always")};
    ScriptedApiServer server(
        [&](const Asked&, Turn& turn) { turn.answer(200, odd.at(static_cast<std::size_t>(turn_number))); });
    const auto client = server.client();
    for (std::size_t i = 0; i < odd.size(); ++i) {
        turn_number = static_cast<int>(i);
        const auto list = client->list(job_queues, {});
        ASSERT_FALSE(list) << i;
        EXPECT_EQ(list.error().reason, Reason::unreadable) << i;
    }
}

TEST(ApiClient, a_name_that_would_lead_elsewhere_is_asked_of_nobody) {
    ScriptedApiServer server([](const Asked&, Turn& turn) { turn.answer(200, object("x", 1)); });
    const auto client = server.client();
    for (const std::string name : {"", ".", "..", "../pods", "a%2fb"}) {
        EXPECT_EQ(client->get(job_queues, {"shop", name}).error().reason, Reason::bad_request) << name;
        EXPECT_EQ(client->remove(job_queues, {name, "a"}).error().reason, Reason::bad_request) << name;
    }
    EXPECT_EQ(client->create(job_queues, json::object()).error().reason, Reason::bad_request);
    EXPECT_EQ(client->merge_patch(job_queues, email, "", {{"a", "\xff"}}).error().reason, Reason::bad_request);
    EXPECT_TRUE(server.asked().empty());
}

TEST(ApiClient, the_caller_can_stop_waiting) {
    std::promise<void> asked;
    ScriptedApiServer silent([&](const Asked&, Turn& turn) {
        asked.set_value();
        turn.wait_for_hang_up();
    });
    std::stop_source stop;
    std::jthread other([&] {
        asked.get_future().wait();
        stop.request_stop();
    });
    const auto got = silent.client()->get(job_queues, email, stop.get_token());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, Reason::stopped);
}

struct Watched {
    std::vector<std::string> events;
    ApiResult<void> ended;
};

Watched watch_once(const ScriptedApiServer& server, WatchOptions options = {}, std::size_t enough = 1000) {
    Watched watched;
    const auto client = server.client();
    watched.ended = client->watch(job_queues, {"shop", "", ""}, options, [&](const WatchEvent& event) {
        watched.events.push_back(std::to_string(static_cast<int>(event.type)) + "@" + event.version);
        return watched.events.size() < enough;
    });
    return watched;
}

TEST(ApiClient, watches_line_by_line_however_they_are_cut) {
    ScriptedApiServer server([](const Asked&, Turn& turn) {
        const std::string lines = Turn::line("ADDED", object("a", 1)) + Turn::line("MODIFIED", object("a", 2)) +
                                  Turn::line("DELETED", object("a", 3)) + Turn::line("BOOKMARK", bookmark(4));
        turn.begin_stream();
        for (const char c : lines) turn.raw({&c, 1});
        turn.end_stream();
    });
    WatchOptions options;
    options.version = "100";
    const auto watched = watch_once(server, options);
    EXPECT_TRUE(watched.ended);
    EXPECT_THAT(watched.events, ElementsAre("0@1", "1@2", "2@3", "3@4"));
    EXPECT_EQ(server.asked().at(0).target,
              collection + "?watch=true&allowWatchBookmarks=true&resourceVersion=100&timeoutSeconds=300");
}

TEST(ApiClient, a_watch_ends_as_the_server_ends_it) {
    ScriptedApiServer expired([](const Asked&, Turn& turn) { turn.refuse(410, "Expired"); });
    EXPECT_EQ(watch_once(expired).ended.error().reason, Reason::expired);

    ScriptedApiServer expires([](const Asked&, Turn& turn) {
        turn.begin_stream();
        turn.event("ADDED", object("a", 1));
        turn.event("ERROR", {{"kind", "Status"}, {"code", 410}});
        turn.wait_for_hang_up();
    });
    const auto watched = watch_once(expires);
    EXPECT_THAT(watched.events, ElementsAre("0@1"));
    EXPECT_EQ(watched.ended.error().reason, Reason::expired);

    ScriptedApiServer cut_in_a_line([](const Asked&, Turn& turn) {
        turn.begin_stream();
        turn.raw(Turn::line("ADDED", object("a", 1)) + R"({"type":"ADDED","obj)");
        turn.cut();
    });
    EXPECT_EQ(watch_once(cut_in_a_line).ended.error().reason, Reason::unreachable);

    ScriptedApiServer garbled([](const Asked&, Turn& turn) {
        turn.begin_stream();
        turn.raw("<html>\n");
        turn.wait_for_hang_up();
    });
    EXPECT_EQ(watch_once(garbled).ended.error().reason, Reason::unreadable);
}

TEST(ApiClient, a_watch_gives_up_a_silent_server_a_line_without_end_and_when_it_was_enough) {
    ScriptedApiServer server([](const Asked&, Turn& turn) {
        turn.begin_stream();
        turn.event("ADDED", object("a", 1));
        turn.raw(std::string(5000, 'x'));
        turn.wait_for_hang_up();
    });
    WatchOptions options;
    options.idle = 50ms;
    EXPECT_EQ(watch_once(server, options).ended.error().reason, Reason::timeout);
    options.idle = 60s;
    options.longest_line = 4000;
    EXPECT_EQ(watch_once(server, options).ended.error().reason, Reason::unreadable);
    EXPECT_TRUE(watch_once(server, options, 1).ended);
}

}  // namespace
}  // namespace drover::kube::test
