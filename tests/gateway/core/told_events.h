// Events that own their text, and any number of any: for tests of what events come to.
#pragma once

#include <string>
#include <vector>

#include <rapidcheck.h>

#include "src/jobqueue/lifecycle_event.h"
#include "src/jobqueue/utf8.h"

namespace drover::gateway::test {

inline Time at(std::int64_t millis) { return time_from_millis(1'790'000'000'000 + millis); }

// An event as a sidecar or gateway writes it, read back as the view reads it.
class ToldEvent {
public:
    ToldEvent(const jobqueue::LifecycleEvent& event) { jobqueue::write_lifecycle_event(event, 64 * 1024, json_); }

    const std::string& json() const { return json_; }

    // Valid as long as this is.
    jobqueue::LifecycleEvent read() const { return jobqueue::parse_lifecycle_event(json_, storage_).value(); }

private:
    std::string json_;
    mutable std::string storage_;
};

// Of few ids, pods, times and so on, so that events meet.
inline ToldEvent any_event() {
    using jobqueue::JobEvent;
    const auto number = [](int below) { return *rc::gen::inRange(0, below); };
    const auto one_of = [](std::vector<std::string> texts) { return *rc::gen::elementOf(texts); };
    const std::string nul("a\0b", 3);
    const std::string id = one_of({"job-1", "job-2", nul}), queue = one_of({"default.email", "default.sms"});
    const std::string type = one_of({"", "send", "bulk"}), pod = one_of({"", "pod-1", "pod-2"});
    const std::string words = one_of({"", "one", "'; drop table jobs; --", nul, "\xC3\xA4"});
    const std::string labels = one_of({"", R"({"user":"ada"})", R"({"user":"bob","source":"web"})", "text"});
    const std::string result = one_of({"", "{\"n\":1}", "plain", std::string("\xFF\0\x01", 3)});
    jobqueue::LifecycleEvent event{.queue = queue,
                                   .job_id = id,
                                   .type = type,
                                   .state = static_cast<JobEvent>(number(11)),
                                   .run = number(3),
                                   .attempt = number(4),
                                   .max_attempts = number(4),
                                   .at = at(number(5) * 40'000),
                                   .pod = pod};
    if (event.state == JobEvent::removed && number(2) > 0) event.state = JobEvent::waiting;  // not every other job
    if (event.state == JobEvent::retrying || event.state == JobEvent::failed) {
        event.error_class = number(2) == 0 ? "Timeout" : "Http503";
        event.error_status = number(2) * 503;
        event.error_message = words;
    }
    if (number(2) == 0) event.percent = number(101);
    event.step = words;
    event.message = words;
    event.level = event.state == JobEvent::log ? "info" : "";
    if (event.state == JobEvent::completed || event.state == JobEvent::progressed) event.result = result;
    if (number(3) == 0) event.due_at = at(number(5) * 50'000);
    if (number(3) == 0) event.submitted_at = at(-number(3) * 10'000);
    if (number(3) == 0) {
        event.topic = queue;
        event.partition = number(2);
        event.offset = number(10);
    }
    event.labels = labels;
    if (number(2) == 0) event.busy = Duration(number(5) * 700'123);
    return ToldEvent(event);
}

}  // namespace drover::gateway::test
