#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "src/jobqueue/resource.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What every queue below begins with: five lines, so that what follows begins in line 6.
const std::string head =
    "apiVersion: drover.dev/v1alpha1\n"
    "kind: JobQueue\n"
    "metadata: {name: email, annotations: {drover.dev/local-command: python3 worker.py}}\n"
    "spec:\n"
    "  kafka: {bootstrapServers: 'kafka:9092'}\n";

// One in which nothing has its default.
const std::string everything = R"(
apiVersion: drover.dev/v1alpha1
kind: JobQueue
metadata:
  name: email
  namespace: shop
  labels: {team: mail}
  uid: 0f0f
  generation: 3
  managedFields: [{manager: kubectl}]
spec:
  kafka:
    bootstrapServers: a:9092,b:9092
    authSecret: kafka-client
    topic: mails
    partitions: 6
    replicationFactor: 1
    settings: {linger.ms: 5, ssl.endpoint.identification.algorithm: none, socket.keepalive.enable: 'true', client.rack: '007'}
  worker:
    container: app
    template: {spec: {containers: [{name: app, image: mailer}]}}
  delivery:
    mode: pull
    port: 9000
    path: /jobs
    concurrency: 16
    timeout: 1m30s
    ordering: key
    rateLimit: {max: 100, per: 1s}
    keyRateLimit: {max: 1, per: 1m}
    batch: {maxSize: 10, maxWait: 500ms}
    asyncCompletion: true
    maxPayload: 1Mi
    maxDrain: 10s
  retry: {maxAttempts: 4, backoff: linear, initial: 1s, maxDelay: 1m, jitter: 0.25, delays: [0s, 2s, 4s]}
  deadLetter: {retention: 24h}
  priorities: [background, critical]
  retention: {completed: {age: 1h, count: 10}, failed: {age: 2h, count: 0}}
  schemas: {send-email: {type: object, required: [to]}, any: {}}
  scaling: {minReplicas: 1, maxReplicas: 3, targetWait: 10s, targetLag: 5, idleAfter: 5s,
            schedules: [{start: 0 8 * * mon-fri, end: 0 18 * * *, timeZone: Europe/Berlin, minReplicas: 2}]}
  paused: true
  events: true
status: {replicas: 1}
)";

std::vector<std::string> problems_of(const std::string& text) {
    std::vector<std::string> lines;
    for (const auto& problem : parse_queues(text, "q.yaml").problems) lines.push_back(format_problem(problem));
    return lines;
}

// The one problem of a queue whose spec has `line` in line 6.
std::string problem_of(const std::string& line) {
    const auto problems = problems_of(head + "  " + line + "\n");
    if (problems.size() == 1) return problems.front();
    std::string all = std::to_string(problems.size()) + " problems";
    for (const auto& problem : problems) all += "\n" + problem;
    return all;
}

JobQueue queue_of(const std::string& text) {
    const auto parsed = parse_queues(text, "q.yaml");
    for (const auto& problem : parsed.problems) ADD_FAILURE() << format_problem(problem);
    return parsed.queues.empty() ? JobQueue{} : parsed.queues.front();
}

TEST(QueueFile, what_is_not_given_has_its_default) {
    const JobQueue queue = queue_of(head);
    JobQueue expected;
    expected.name = "email";
    expected.annotations = {{"drover.dev/local-command", "python3 worker.py"}};
    expected.kafka.bootstrap_servers = "kafka:9092";
    expected.source_file = "q.yaml";
    expected.source_line = 1;
    EXPECT_EQ(queue, expected);
}

TEST(QueueFile, everything_that_can_be_given_is_read) {
    const JobQueue queue = queue_of(everything);
    EXPECT_TRUE(queue.events);
    EXPECT_EQ(queue.ns, "shop");
    EXPECT_EQ(queue.generation, 3);
    EXPECT_EQ(queue.labels.at("team"), "mail");
    EXPECT_EQ(queue.kafka, (KafkaSpec{"a:9092,b:9092",
                                      "kafka-client",
                                      "mails",
                                      6,
                                      1,
                                      false,
                                      {{"linger.ms", "5"},
                                       {"ssl.endpoint.identification.algorithm", "none"},
                                       {"socket.keepalive.enable", "true"},
                                       {"client.rack", "007"}}}));
    EXPECT_EQ(queue.worker_container, "app");
    EXPECT_EQ(json::parse(queue.worker_template_json),
              json::parse(R"({"spec":{"containers":[{"name":"app","image":"mailer"}]}})"));
    EXPECT_EQ(queue.delivery, (DeliverySpec{Mode::pull, 9000, "/jobs", 16, 90s, Ordering::key, Rate{100, 1s},
                                            Rate{1, 1min}, 10, 500ms, true, 1 << 20, 10s}));
    EXPECT_EQ(queue.retry, (RetryPolicy{4, Backoff::linear, 1s, 1min, 0.25, std::vector<Duration>{0s, 2s, 4s}}));
    EXPECT_EQ(queue.dead_letter_retention, 24h);
    EXPECT_THAT(queue.priorities, ElementsAre("critical", "normal", "background"));
    EXPECT_EQ(queue.completed, (Retention{1h, 10}));
    EXPECT_EQ(queue.failed, (Retention{2h, 0}));
    EXPECT_EQ(json::parse(queue.schemas_json.at("send-email"))["required"][0], "to");
    EXPECT_EQ(queue.schemas_json.at("any"), "{}");
    const ScalingSchedule office{*cron::Expression::parse("0 8 * * mon-fri"), *cron::Expression::parse("0 18 * * *"),
                                 *cron::Zone::load("Europe/Berlin"), 2};
    EXPECT_EQ(queue.scaling, (ScalingSpec{1, 3, 10s, 5, 5s, {office}}));
    EXPECT_TRUE(queue.paused);
}

TEST(QueueFile, a_queue_written_as_JSON_is_read_as_the_same_queue) {
    for (const auto& text : {head, everything, head + "  targetRef: {kind: Deployment, name: mailer}\n"}) {
        const JobQueue queue = queue_of(text);
        JobQueue again = queue_of(to_json(queue));
        again.source_line = queue.source_line;
        EXPECT_EQ(again, queue) << to_json(queue);
    }
}

TEST(QueueFile, the_order_of_fields_does_not_matter) {
    EXPECT_EQ(problem_of("retry: {delays: [20m], maxDelay: 1h}"), "0 problems");
    EXPECT_EQ(problem_of("retry: {initial: 20m, maxDelay: 1h}"), "0 problems");
}

TEST(QueueFile, every_problem_is_told_at_once_with_its_path_and_line) {
    EXPECT_THAT(
        problems_of("apiVersion: drover.dev/v1\n"
                    "kind: JobQueue\n"
                    "metadata: {name: Email}\n"
                    "spec:\n"
                    "  kafka: {partitions: 0}\n"
                    "  delivery:\n"
                    "    concurency: 8\n"
                    "    timeout: 30\n"
                    "    port: '8080'\n"
                    "  scaling: {minReplicas: 5, maxReplicas: 2}\n"),
        ElementsAre(
            HasSubstr("q.yaml:1: apiVersion: must be drover.dev/v1alpha1"),
            HasSubstr("q.yaml:3: metadata.name: must be 1 to 63"),
            HasSubstr("q.yaml:5: spec.kafka.bootstrapServers: is missing"),
            HasSubstr("q.yaml:5: spec.kafka.partitions: must be a whole number from 1 to 1000, is 0"),
            HasSubstr("q.yaml:5: spec.worker: is missing"),
            HasSubstr("q.yaml:7: spec.delivery.concurency: is not a known field: did you mean 'concurrency'?"),
            HasSubstr("q.yaml:8: spec.delivery.timeout: needs a unit, as in 30s"),
            HasSubstr("q.yaml:9: spec.delivery.port: must be a whole number from 1 to 65535, is the string '8080'"),
            HasSubstr("q.yaml:10: spec.scaling.minReplicas: is 5, more than maxReplicas, 2")));
}

TEST(QueueFile, each_limit_holds) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"delivery: {concurrency: 0}", "spec.delivery.concurrency"},
        {"delivery: {concurrency: 1001}", "spec.delivery.concurrency"},
        {"delivery: {concurrency: 8.5}", "spec.delivery.concurrency"},
        {"delivery: {concurrency: 99999999999999999999}", "spec.delivery.concurrency"},
        {"delivery: {port: 65536}", "spec.delivery.port"},
        {"delivery: {timeout: 0s}", "spec.delivery.timeout"},
        {"delivery: {timeout: 999us}", "spec.delivery.timeout"},
        {"delivery: {timeout: 24h1ms}", "spec.delivery.timeout"},
        {"delivery: {timeout: 1.5s}", "spec.delivery.timeout"},
        {"delivery: {timeout: [1s]}", "spec.delivery.timeout"},
        {"delivery: {mode: pus}", "spec.delivery.mode"},
        {"delivery: {ordering: keys}", "spec.delivery.ordering"},
        {"delivery: {path: jobs}", "spec.delivery.path"},
        {"delivery: {path: \"/a\\r\\nHost: x\"}", "spec.delivery.path"},
        {"delivery: {path: '/a b'}", "spec.delivery.path"},
        {"delivery: {asyncCompletion: 1}", "spec.delivery.asyncCompletion"},
        {"delivery: {asyncCompletion: true, batch: {maxSize: 2}}", "spec.delivery.asyncCompletion"},
        {"delivery: {maxDrain: -1s}", "spec.delivery.maxDrain"},
        {"delivery: {maxPayload: 128KB}", "spec.delivery.maxPayload"},
        {"delivery: {maxPayload: 0}", "spec.delivery.maxPayload"},
        {"delivery: {rateLimit: {per: 1s}}", "spec.delivery.rateLimit.max"},
        {"delivery: {rateLimit: 100}", "spec.delivery.rateLimit"},
        {"delivery: {batch: {maxSize: 0}}", "spec.delivery.batch.maxSize"},
        {"delivery: []", "spec.delivery"},
        {"retry: {maxAttempts: 0}", "spec.retry.maxAttempts"},
        {"retry: {maxAttempts: 101}", "spec.retry.maxAttempts"},
        {"retry: {jitter: 1.1}", "spec.retry.jitter"},
        {"retry: {jitter: .nan}", "spec.retry.jitter"},
        {"retry: {jitter: -0.1}", "spec.retry.jitter"},
        {"retry: {backoff: quadratic}", "spec.retry.backoff"},
        {"retry: {initial: 0}", "spec.retry.initial"},
        {"retry: {delays: []}", "spec.retry.delays"},
        {"retry: {delays: 2s}", "spec.retry.delays"},
        {"retry: {delays: [2s, 4]}", "spec.retry.delays[1]"},
        {"retry: {delays: [11m]}", "spec.retry.delays[0]"},
        {"retry: {initial: 11m}", "spec.retry.initial"},
        {"priorities: []", "spec.priorities"},
        {"priorities: [hihg]", "spec.priorities[0]"},
        {"priorities: [high, high]", "spec.priorities[1]"},
        {"priorities: {high: true}", "spec.priorities"},
        {"retention: {completed: {age: 7d}}", "spec.retention.completed.age"},
        {"retention: {completed: {count: -1}}", "spec.retention.completed.count"},
        {"schemas: {a: 5}", "spec.schemas.a"},
        {"schemas: {a: true}", "spec.schemas.a"},
        {"scaling: {maxReplicas: 0}", "spec.scaling.maxReplicas"},
        {"targetRef: {kind: StatefulSet, name: a}", "spec.targetRef.kind"},
        {"targetRef: {kind: Deployment}", "spec.targetRef.name"},
        {"worker: {template: pod}", "spec.worker.template"},
        {"paused: maybe", "spec.paused"},
        {"nonsense: 1", "spec.nonsense"},
    };
    for (const auto& [line, path] : wrong) EXPECT_THAT(problem_of(line), HasSubstr("q.yaml:6: " + path + ": ")) << line;
}

TEST(QueueFile, the_settings_that_Drover_owns_are_refused) {
    const std::string kafka =
        "apiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {name: a, annotations: {drover.dev/local-command: "
        "x}}\nspec:\n  kafka:\n    settings:\n";
    for (const char* name :
         {"group.id", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset",
          "partition.assignment.strategy", "enable.idempotence", "bootstrap.servers", "plugin.library.paths"})
        EXPECT_THAT(problems_of(kafka + "      " + name + ": x\n"),
                    ElementsAre(HasSubstr("q.yaml:7: spec.kafka.settings['" + std::string(name) + "']: ")))
            << name;
    EXPECT_THAT(problems_of(kafka + "      acks: 1\n"),
                ElementsAre(HasSubstr("q.yaml:7: spec.kafka.settings.acks: is set by Drover itself")));
    EXPECT_THAT(problems_of(kafka + "      sasl.mechanism: SCRAM-SHA-512\n"), IsEmpty());
    EXPECT_THAT(problems_of(kafka + "      a: [1]\n"),
                ElementsAre(HasSubstr("spec.kafka.settings.a: must be a string or a whole number, is a list")));
    EXPECT_THAT(problems_of(kafka + "      a: true\n"),
                ElementsAre(HasSubstr("must be a string or a whole number, is true: put it in quotes")));
    std::string many = kafka;
    for (int i = 0; i <= 100; ++i) many += "      a" + std::to_string(i) + ": 1\n";
    EXPECT_THAT(problems_of(many), ElementsAre(HasSubstr("spec.kafka.settings: must have at most 100 entries")));
}

TEST(QueueFile, a_field_given_twice_is_a_problem_at_any_depth) {
    EXPECT_THAT(problem_of("delivery: {port: 1, port: 2}"), HasSubstr("q.yaml:6: spec.delivery.port: is given twice"));
    EXPECT_THAT(problem_of("kafka: {}"), HasSubstr("q.yaml:6: spec.kafka: is given twice"));
    EXPECT_THAT(problem_of("worker: {template: {spec: {containers: [{name: a, name: b}]}}}"),
                HasSubstr("spec.worker.template.spec.containers[0].name: is given twice"));
}

TEST(QueueFile, a_local_command_stands_for_the_worker_and_the_servers) {
    const std::string start = "apiVersion: drover.dev/v1alpha1\nkind: JobQueue\n";
    EXPECT_THAT(problems_of(start + "metadata: {name: a, annotations: {drover.dev/local-command: ./work}}\n"),
                IsEmpty());
    EXPECT_THAT(
        problems_of(start + "metadata: {name: a}\n"),
        ElementsAre(HasSubstr("spec.kafka.bootstrapServers: is missing"), HasSubstr("spec.worker: is missing")));
    EXPECT_THAT(
        problems_of(start +
                    "metadata: {name: a}\nspec: {kafka: {bootstrapServers: 'k:9092'}, worker: {container: app}}\n"),
        ElementsAre(HasSubstr("spec.worker.template: is missing")));
    EXPECT_THAT(problems_of(start + "metadata: {name: a}\nspec: {kafka: {bootstrapServers: 'k:9092'}, worker: "
                                    "{template: {}}, targetRef: {name: b}}\n"),
                ElementsAre(HasSubstr("spec.targetRef: cannot be given beside worker")));
    EXPECT_EQ(queue_of(start + "metadata: {name: a}\nspec: {kafka: {bootstrapServers: 'k:9092'}, targetRef: "
                               "{apiVersion: apps/v1, kind: Deployment, name: b}}\n")
                  .target_ref_name,
              "b");
}

TEST(QueueFile, a_pod_template_becomes_the_JSON_that_kubectl_would_send) {
    const JobQueue queue = queue_of(head + R"(  worker:
    template:
      a: 1
      b: "1"
      c: true
      d: 'true'
      e: 1.5
      f: null
      g: ~
      h: 0644
      i: 1_000
      j: 18446744073709551615
      k: -3
      l: yes
      m: "yes"
      n: 2026-11-23
      o: |
        line
      p: !!str 5
      q: []
      r: 0x10
      s: .inf
      t: 1e3
)");
    EXPECT_EQ(json::parse(queue.worker_template_json), json::parse(R"({
      "a": 1, "b": "1", "c": true, "d": "true", "e": 1.5, "f": null, "g": null, "h": 420, "i": "1_000", "j": 18446744073709551615,
      "k": -3, "l": true, "m": "yes", "n": "2026-11-23", "o": "line\n", "p": "5", "q": [], "r": 16, "s": ".inf", "t": 1000.0})"));
}

TEST(QueueFile, several_documents_are_several_queues) {
    const auto second = [](const std::string& name) {
        return "---\napiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {name: " + name +
               ", annotations: {drover.dev/local-command: x}}\n";
    };
    const auto parsed = parse_queues(head + second("b") + "---\n---\n" + second("c"), "q.yaml");
    EXPECT_THAT(parsed.problems, IsEmpty());
    ASSERT_EQ(parsed.queues.size(), 3u);
    EXPECT_EQ(parsed.queues[1].name, "b");
    EXPECT_EQ(parsed.queues[1].source_line, 7);
    EXPECT_THAT(problems_of(head + second("b") + "spec: {paused: 3}\n"),
                ElementsAre(HasSubstr("q.yaml:10: spec.paused")));
}

TEST(QueueFile, queues_of_one_name_or_one_topic_are_in_each_others_way) {
    const auto queue = [](const std::string& name, const std::string& topic) {
        return "---\napiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {name: " + name +
               ", annotations: {drover.dev/local-command: x}}\nspec: {kafka: {" +
               (topic.empty() ? "" : "topic: " + topic) + "}}\n";
    };
    EXPECT_THAT(problems_of(queue("a", "") + queue("a", "")),
                ElementsAre(HasSubstr("q.yaml:7: metadata.name: there is another queue default/a, at q.yaml:2")));
    EXPECT_THAT(problems_of(queue("a", "t") + queue("b", "t")),
                ElementsAre(HasSubstr("the topic t belongs to queue default/a")));
    EXPECT_THAT(problems_of(queue("a", "t") + queue("b", "t.dlq")),
                ElementsAre(HasSubstr("the topic t.dlq belongs to queue default/a")));
    EXPECT_THAT(problems_of(queue("a", "t") + queue("b", "default.a")), IsEmpty());
    EXPECT_THAT(problems_of(queue("a", "drover.events")), ElementsAre(HasSubstr("belongs to Drover")));
}

TEST(QueueFile, A12_the_topic_of_a_lane_is_taken_too_where_the_queue_has_that_lane) {
    const auto queue = [](const std::string& name, const std::string& topic, const std::string& priorities) {
        return "---\napiVersion: drover.dev/v1alpha1\nkind: JobQueue\nmetadata: {name: " + name +
               ", annotations: {drover.dev/local-command: x}}\nspec: {kafka: {topic: " + topic +
               "}, priorities: " + priorities + "}\n";
    };
    EXPECT_THAT(problems_of(queue("a", "t", "[high]") + queue("b", "t.high", "[normal]")),
                ElementsAre(HasSubstr("the topic t.high belongs to queue default/a")));
    EXPECT_THAT(problems_of(queue("a", "t.high", "[normal]") + queue("b", "t", "[normal, high]")),
                ElementsAre(HasSubstr("the topic t.high belongs to queue default/a")));
    EXPECT_THAT(problems_of(queue("a", "t", "[low]") + queue("b", "t.high", "[normal]")), IsEmpty());
}

TEST(QueueFile, documents_of_another_kind_are_one_problem_each) {
    EXPECT_THAT(problems_of("kind: Deployment\napiVersion: apps/v1\nspec: {x: 1}\n"),
                ElementsAre(HasSubstr("q.yaml:1: kind: must be JobQueue, is the string 'Deployment'")));
    EXPECT_THAT(problems_of("- a\n"), ElementsAre("q.yaml:1: must be a mapping, is a list"));
    EXPECT_THAT(problems_of("hello\n"), ElementsAre("q.yaml:1: must be a mapping, is the string 'hello'"));
}

TEST(QueueFile, a_file_without_a_queue_is_a_problem) {
    for (const char* text : {"", "\n\n", "# nothing\n", "---\n---\n", "null\n"})
        EXPECT_THAT(problems_of(text), ElementsAre("q.yaml: has no JobQueue in it")) << text;
}

TEST(QueueFile, what_is_not_YAML_is_a_problem_with_its_line) {
    EXPECT_THAT(problems_of("a: 1\nb: [\n"), ElementsAre(HasSubstr("q.yaml:3: is not YAML: ")));
    EXPECT_THAT(problems_of("a: 1\n\xFF\n"), ElementsAre("q.yaml:2: is not UTF-8 text"));
    EXPECT_THAT(problems_of(std::string("a: 1\n\0", 6)), ElementsAre("q.yaml:2: contains a control character"));
    EXPECT_THAT(problems_of("a: *b\n"), ElementsAre(HasSubstr("q.yaml:1: is not YAML: ")));
    EXPECT_THAT(problems_of("&a [*a]\n"), ElementsAre(HasSubstr("an alias names what it is itself a part of")));
    EXPECT_THAT(problems_of("a: !!binary aGk=\n"),
                ElementsAre(HasSubstr("the tag 'tag:yaml.org,2002:binary' is not supported")));
    EXPECT_THAT(problems_of("{[a]: 1}\n"), ElementsAre(HasSubstr("a field's name must be a word, not a list")));
}

TEST(QueueFile, a_stray_character_ends_the_reading) {
    for (const char* text : {",", "]", "}", ",--\na: 1\n", "---\n,\n", "- a\n]\n"})
        EXPECT_THAT(problems_of(text), testing::Contains(HasSubstr("is not YAML: "))) << text;
}

TEST(QueueFile, problems_before_a_syntax_error_are_told_too) {
    EXPECT_THAT(problems_of(head + "  paused: 3\n---\na: [\n"),
                ElementsAre(HasSubstr("q.yaml:6: spec.paused"), HasSubstr("is not YAML")));
}

TEST(QueueFile, aliases_are_followed) {
    EXPECT_EQ(queue_of(head + "  delivery: {timeout: &t 5s}\n  retry: {initial: *t}\n").retry.initial, 5s);
    EXPECT_THAT(problem_of("delivery: {<<: {port: 1}}"), HasSubstr("merging is not supported"));
}

TEST(QueueFile, a_bomb_of_aliases_is_refused_before_it_goes_off) {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 30; ++i) {
        const auto last = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + ", " + last + ", " +
                last + "]\n";
    }
    EXPECT_THAT(problems_of(bomb), ElementsAre(HasSubstr("is too large once its aliases are written out")));
}

TEST(QueueFile, depth_and_size_are_bounded) {
    EXPECT_THAT(problems_of(std::string(100, '[') + std::string(100, ']')),
                ElementsAre(HasSubstr("nested deeper than 64 levels")));
    EXPECT_THAT(problems_of(std::string(200'000, '[')), ElementsAre(HasSubstr("nested deeper than 64 levels")));
    EXPECT_THAT(problems_of(std::string((1 << 20) + 1, '#')), ElementsAre("q.yaml: is larger than 1 MiB"));
}

TEST(QueueFile, JSON_as_an_API_server_sends_it_is_read_too) {
    const std::string text =
        R"({"apiVersion":"drover.dev/v1alpha1","kind":"JobQueue","metadata":{"name":"email","annotations":{"a":"\ud83d\ude00 \/"}},
      "spec":{"kafka":{"bootstrapServers":"k:9092"},"worker":{"template":{"a":[1,"1",null,true,1.5]}},"delivery":{"timeout":"5s"}}})";
    const JobQueue queue = queue_of(text);
    EXPECT_EQ(queue.annotations.at("a"), "😀 /");
    EXPECT_EQ(queue.delivery.timeout, 5s);
    EXPECT_EQ(queue.worker_template_json, R"({"a":[1,"1",null,true,1.5]})");
}

TEST(QueueFile, a_problems_text_is_one_line_whatever_the_file_says) {
    for (const auto& problem : problems_of(head + "  \"a\\r\\nb\": 1\n  delivery: {mode: \"x\\ny\"}\n"))
        EXPECT_EQ(problem.find_first_of("\r\n"), std::string::npos) << problem;
}

RC_GTEST_PROP(QueueFile, a_damaged_file_gives_queues_or_problems, ()) {
    static const std::string good = head +
                                    "  delivery: {timeout: 5s, rateLimit: {max: 1, per: 1s}}\n  retry:\n    delays: "
                                    "[0s, 2s]\n  worker: {template: {a: &x [1, *x]}}\n";
    std::string text = good;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
        const auto pos = *rc::gen::inRange<std::size_t>(0, text.size());
        if (*rc::gen::arbitrary<bool>())
            text[pos] = *rc::gen::oneOf(rc::gen::arbitrary<char>(),
                                        rc::gen::elementOf(std::string("{}[]:,&*!|>-? \n\t'\"#%@")));
        else
            text.erase(pos, *rc::gen::inRange<std::size_t>(1, 20));
    }
    const auto parsed = parse_queues(text, "q.yaml");
    RC_ASSERT(!parsed.queues.empty() || !parsed.problems.empty());
}

}  // namespace
}  // namespace drover::jobqueue
