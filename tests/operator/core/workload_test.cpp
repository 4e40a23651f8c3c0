#include "operator/core/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/jobqueue/hot_config.h"
#include "src/jobqueue/sidecar_config.h"

namespace drover::operator_core {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json parse(const char* text) { return json::parse(text); }

jobqueue::JobQueue email(
    const char* pod_template = R"({"spec": {"containers": [{"name": "app", "image": "mailer"}]}})") {
    jobqueue::JobQueue queue;
    queue.name = "email";
    queue.ns = "shop";
    queue.kafka.bootstrap_servers = "kafka:9092";
    queue.worker_template_json = pod_template;
    return queue;
}

const Installation installation{.image = "drover:1"};
const Surroundings around{.uid = "u-1", .replicas = 3, .drain_token = "secret", .deployment = {}, .queue_topics = {}};

Workload workload_for(const jobqueue::JobQueue& queue, const Surroundings& seen = around,
                      const Installation& installed = installation) {
    Result<Workload> workload = workload_of(queue, installed, seen);
    EXPECT_TRUE(workload) << (workload ? "" : workload.error().message);
    return workload.value_or(Workload{});
}

json of_kind(const Workload& workload, std::string_view kind) {
    for (const json& object : workload.objects) {
        if (object.at("kind") == kind) return object;
    }
    return nullptr;
}

json pod_of(const Workload& workload) { return of_kind(workload, "Deployment")["spec"]["template"]["spec"]; }

Surroundings with_deployment(json deployment) {
    Surroundings seen = around;
    seen.deployment = std::move(deployment);
    return seen;
}

jobqueue::JobQueue adopting() {
    jobqueue::JobQueue queue = email("");
    queue.target_ref_name = "mailer";
    return queue;
}

const char* const mailer = R"({"spec": {"replicas": 1, "template": {"spec": {
    "terminationGracePeriodSeconds": 5, "containers": [{"name": "web"}, {"name": "log"}]}}}})";

TEST(Workload, B1_the_sidecar_is_a_native_one_before_all_others) {
    const json pod = pod_of(workload_for(
        email(R"({"spec": {"initContainers": [{"name": "fetch-model"}], "containers": [{"name": "app"}]}})")));
    ASSERT_EQ(pod["initContainers"].size(), 2U);
    const json& sidecar = pod["initContainers"][0];
    EXPECT_EQ(sidecar["name"], "drover-sidecar");
    EXPECT_EQ(sidecar["restartPolicy"], "Always");
    EXPECT_EQ(sidecar["image"], "drover:1");
    EXPECT_EQ(sidecar["startupProbe"]["httpGet"]["path"], "/healthz");
    EXPECT_EQ(sidecar["readinessProbe"]["httpGet"]["path"], "/readyz");
    EXPECT_EQ(sidecar["securityContext"]["runAsNonRoot"], true);
    EXPECT_EQ(sidecar["securityContext"]["readOnlyRootFilesystem"], true);
    EXPECT_EQ(pod["initContainers"][1]["name"], "fetch-model");
}

TEST(Workload, B1_the_sidecar_can_read_the_configuration_it_is_given) {
    jobqueue::JobQueue queue = email();
    queue.paused = true;
    Surroundings seen = around;
    seen.queue_topics = {{"email", "shop.email"}, {"reports", "shop.reports"}};
    const Workload workload = workload_for(queue, seen);
    const auto config =
        jobqueue::sidecar_config_from_json(of_kind(workload, "ConfigMap")["data"]["sidecar.json"].get<std::string>());
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->topic, "shop.email");
    EXPECT_EQ(config->kafka.at("bootstrap.servers"), "kafka:9092");
    EXPECT_EQ(config->queue_topics.at("reports"), "shop.reports");
    EXPECT_FALSE(config->paused) << "pods are not made anew for a pause";
    EXPECT_EQ(config->drain_token, "") << "the ConfigMap is for all to read";
}

TEST(Workload, B1_the_app_learns_where_to_listen_and_where_its_sidecar_is) {
    const json pod = pod_of(workload_for(email(R"({"spec": {"containers": [
        {"name": "app", "env": [{"name": "PORT", "value": "9000"}, {"name": "MODE", "value": "fast"}]}, {"name": "log"}]}})")));
    EXPECT_EQ(pod["containers"][0]["env"], parse(R"([{"name": "PORT", "value": "9000"},
        {"name": "DROVER_SIDECAR", "value": "http://127.0.0.1:4040"}, {"name": "MODE", "value": "fast"}])"));
    EXPECT_FALSE(pod["containers"][1].contains("env")) << "only the app's container";
}

TEST(Workload, B7_the_app_is_told_to_end_only_after_its_sidecar_has_drained) {
    const Workload workload = workload_for(email());
    const json hook = pod_of(workload)["containers"][0]["lifecycle"]["preStop"]["httpGet"];
    EXPECT_EQ(hook["path"], "/drain");
    EXPECT_EQ(hook["port"], 4041);
    EXPECT_EQ(hook["httpHeaders"], parse(R"([{"name": "drover-drain-token", "value": "secret"}])"));
    EXPECT_FALSE(workload.drain_hook_conflict);
    EXPECT_EQ(pod_of(workload)["terminationGracePeriodSeconds"], 30 + 30 + 10);
}

TEST(Workload, B7_a_hook_of_the_users_own_is_kept_and_said_to_be_in_the_way) {
    const Workload workload = workload_for(email(R"({"spec": {"terminationGracePeriodSeconds": 5, "containers": [
        {"name": "app", "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}}}]}})"));
    EXPECT_TRUE(workload.drain_hook_conflict);
    EXPECT_TRUE(pod_of(workload)["containers"][0]["lifecycle"]["preStop"].contains("exec"));
    EXPECT_EQ(pod_of(workload)["terminationGracePeriodSeconds"], 30 + 5 + 10);
}

TEST(Workload, B7_a_pods_grace_covers_leases_too_where_the_app_holds_them) {
    EXPECT_EQ(grace_period_seconds({.timeout = std::chrono::milliseconds(1500)}, 30), 2 + 30 + 10);
    EXPECT_EQ(grace_period_seconds({.mode = jobqueue::Mode::pull}, 0), 30 + 30 + 10);
    EXPECT_EQ(grace_period_seconds({.async_completion = true}, 0), 30 + 30 + 10);
}

TEST(Workload, B1_what_a_template_says_is_kept) {
    const Workload workload =
        workload_for(email(R"({"metadata": {"labels": {"team": "mail"}, "annotations": {"a": "b"}},
        "spec": {"serviceAccountName": "mailer", "futureField": {"x": 1}, "volumes": [{"name": "data"}],
                 "containers": [{"name": "app", "futureToo": 2}]}})"));
    const json pod_template = of_kind(workload, "Deployment")["spec"]["template"];
    EXPECT_EQ(pod_template["metadata"]["labels"]["team"], "mail");
    EXPECT_EQ(pod_template["metadata"]["labels"]["drover.dev/queue"], "email");
    EXPECT_EQ(pod_template["metadata"]["annotations"]["a"], "b");
    EXPECT_EQ(pod_template["spec"]["serviceAccountName"], "mailer");
    EXPECT_EQ(pod_template["spec"]["futureField"]["x"], 1);
    EXPECT_EQ(pod_template["spec"]["containers"][0]["futureToo"], 2);
    EXPECT_EQ(pod_template["spec"]["volumes"][0]["name"], "data");
    EXPECT_EQ(pod_template["spec"]["volumes"][1]["name"], "drover-config");
}

TEST(Workload, B8_what_is_ours_goes_with_the_queue) {
    for (const json& object : workload_for(email()).objects) {
        EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "u-1") << object["kind"];
        EXPECT_EQ(object["metadata"]["namespace"], "shop");
    }
}

TEST(Workload, B12_pods_are_made_anew_for_what_they_start_with_and_for_nothing_else) {
    const auto hash = [](const jobqueue::JobQueue& queue) {
        return of_kind(workload_for(queue),
                       "Deployment")["spec"]["template"]["metadata"]["annotations"]["drover.dev/config"];
    };
    jobqueue::JobQueue queue = email();
    const json before = hash(queue);
    queue.paused = true;
    queue.scaling.max_replicas = 50;
    EXPECT_EQ(hash(queue), before);
    queue.generation = 7;
    queue.delivery.concurrency = 3;
    queue.delivery.rate_limit = jobqueue::Rate{10};
    queue.retry.jitter = 0.5;
    EXPECT_EQ(hash(queue), before);
    queue.delivery.path = "/jobs";
    EXPECT_NE(hash(queue), before);

    jobqueue::JobQueue longer = email();
    longer.delivery.timeout = std::chrono::minutes(5);
    EXPECT_NE(hash(longer), before);
    jobqueue::JobQueue stepwise = email();
    stepwise.retry.initial = std::chrono::seconds(3);
    EXPECT_NE(hash(stepwise), before) << "it has other retry topics";
}

TEST(Workload, B12_another_queue_beside_it_is_no_reason_to_make_pods_anew) {
    Surroundings alone = around, beside_another = around;
    alone.queue_topics = {{"email", "shop.email"}};
    beside_another.queue_topics = {{"email", "shop.email"}, {"reports", "shop.reports"}};
    const Workload before = workload_for(email(), alone), after = workload_for(email(), beside_another);
    EXPECT_EQ(of_kind(before, "Deployment"), of_kind(after, "Deployment"));
    EXPECT_NE(of_kind(before, "ConfigMap"), of_kind(after, "ConfigMap"));
    EXPECT_NE(before.hot_config, after.hot_config);
}

TEST(Workload, B12_a_pod_that_runs_is_told_what_a_new_one_starts_with) {
    const auto started_with = [](const Workload& workload) {
        return jobqueue::sidecar_config_from_json(
                   of_kind(workload, "ConfigMap")["data"]["sidecar.json"].get<std::string>())
            .value();
    };
    jobqueue::JobQueue queue = email();
    queue.generation = 1;
    const jobqueue::SidecarConfig running = started_with(workload_for(queue));
    queue.generation = 2;
    queue.delivery.concurrency = 3;
    queue.retry.jitter = 0.5;
    const Workload workload = workload_for(queue);
    const auto told = jobqueue::with_hot_config(running, workload.hot_config);
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_EQ(*told, started_with(workload));
    EXPECT_EQ(told->uid, "u-1");
    EXPECT_EQ(told->generation, 2);
}

TEST(Workload, B1_credentials_are_mounted_and_never_copied) {
    jobqueue::JobQueue queue = email();
    queue.kafka.auth_secret = "kafka-client";
    const Workload workload = workload_for(queue);
    const json pod = pod_of(workload);
    EXPECT_EQ(pod["volumes"][1], parse(R"({"name": "drover-kafka", "secret": {"secretName": "kafka-client"}})"));
    EXPECT_EQ(pod["initContainers"][0]["args"],
              parse(R"(["sidecar", "--config", "/etc/drover/sidecar.json", "--kafka-settings", "/etc/drover-kafka"])"));
    EXPECT_FALSE(pod["containers"][0].contains("volumeMounts")) << "the app does not see them";
}

TEST(Workload, B1_an_adopted_deployment_gets_the_sidecar_and_keeps_the_rest) {
    const Workload workload = workload_for(adopting(), with_deployment(parse(mailer)));
    const json deployment = of_kind(workload, "Deployment");
    EXPECT_EQ(deployment["metadata"],
              parse(R"({"labels": {"drover.dev/queue": "email"}, "name": "mailer", "namespace": "shop"})"));
    EXPECT_EQ(deployment["spec"]["replicas"], 3);
    EXPECT_FALSE(deployment["spec"].contains("selector"));
    const json pod = pod_of(workload);
    EXPECT_EQ(pod["containers"].size(), 1U) << "only what is added";
    EXPECT_EQ(pod["containers"][0]["name"], "web");
    EXPECT_FALSE(pod["containers"][0].contains("image"));
    EXPECT_EQ(pod["terminationGracePeriodSeconds"], 30 + 5 + 10);
    EXPECT_EQ(of_kind(workload, "ServiceAccount"), nullptr);
}

TEST(Workload, B1_adopting_again_what_was_adopted_changes_nothing) {
    const json first = of_kind(workload_for(adopting(), with_deployment(parse(mailer))), "Deployment");
    json adopted = parse(mailer);
    adopted["spec"]["template"]["metadata"] = first["spec"]["template"]["metadata"];
    adopted["spec"]["template"]["spec"].update(first["spec"]["template"]["spec"]);
    const Workload again = workload_for(adopting(), with_deployment(adopted));
    EXPECT_EQ(of_kind(again, "Deployment"), first);
    EXPECT_FALSE(again.drain_hook_conflict) << "the hook is ours";

    jobqueue::JobQueue slower = adopting();
    slower.delivery.timeout = std::chrono::minutes(2);
    EXPECT_EQ(pod_of(workload_for(slower, with_deployment(adopted)))["terminationGracePeriodSeconds"], 120 + 5 + 10);
}

TEST(Workload, B1_what_cannot_be_adopted_or_rendered_says_why) {
    const auto problem = [](const jobqueue::JobQueue& queue, const Surroundings& seen = around) {
        const Result<Workload> workload = workload_of(queue, installation, seen);
        return workload ? std::string("none") : workload.error().message;
    };
    EXPECT_THAT(problem(adopting()), HasSubstr("there is no Deployment mailer"));
    EXPECT_THAT(problem(email("{}")), HasSubstr("spec.worker.template has no container"));
    EXPECT_THAT(problem(email(R"({"spec": {"containers": "app"}})")), HasSubstr("has no container"));
    jobqueue::JobQueue queue = email();
    queue.worker_container = "worker";
    EXPECT_THAT(problem(queue), HasSubstr("has no container worker"));
}

TEST(Workload, B1_a_template_of_any_shape_is_rendered_or_refused) {
    for (const char* shape :
         {"[]", "1", "null", "true", R"("text")", "{}", R"([1])", R"([{"name": 1}])", R"({"name": {}})"}) {
        const std::string value = shape;
        for (const std::string& text :
             {value, R"({"spec": )" + value + "}", R"({"spec": {"containers": )" + value + "}}",
              R"({"metadata": )" + value + R"(, "spec": {"containers": [{"name": "app"}]}})",
              R"({"metadata": {"labels": )" + value + R"(}, "spec": {"containers": [{"name": "app"}]}})",
              R"({"spec": {"volumes": )" + value + R"(, "containers": [{"name": "app"}]}})",
              R"({"spec": {"initContainers": )" + value + R"(, "containers": [{"name": "app"}]}})",
              R"({"spec": {"terminationGracePeriodSeconds": )" + value + R"(, "containers": [{"name": "app"}]}})",
              R"({"spec": {"containers": [{"name": "app", "env": )" + value + "}]}}",
              R"({"spec": {"containers": [{"name": "app", "lifecycle": )" + value + "}]}}"}) {
            const Result<Workload> workload = workload_of(email(text.c_str()), installation, around);
            EXPECT_TRUE(workload || workload.error().message.starts_with("spec.worker.template")) << text;
        }
    }
}

TEST(Workload, D5_a_pod_monitor_is_made_only_where_the_cluster_knows_the_kind) {
    EXPECT_EQ(of_kind(workload_for(email()), "PodMonitor"), nullptr);
    Installation monitored = installation;
    monitored.has_pod_monitors = true;
    EXPECT_EQ(of_kind(workload_for(email(), around, monitored), "PodMonitor")["spec"]["selector"],
              parse(R"({"matchLabels": {"drover.dev/queue": "email"}})"));
}

}  // namespace
}  // namespace drover::operator_core
