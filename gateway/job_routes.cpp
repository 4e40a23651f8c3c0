// Where one job stands, and what can be done to it.
#include <algorithm>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "gateway/core/job_json.h"
#include "gateway/deeds.h"
#include "gateway/job_lookup.h"
#include "gateway/payload_search.h"
#include "gateway/routes.h"
#include "src/base/base64.h"
#include "src/http/job_client.h"
#include "src/jobqueue/retry_policy.h"
#include "src/jobqueue/units.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr auto longest_wait = 60s;
constexpr auto keep_alive = 15s;

ordered_json answer_of(const GatewayState& state, const JobDetail& detail) {
    EtaInputs inputs;
    if (detail.job.busy) inputs.mean_run = detail.job.busy;
    const auto look = state.looks.find(detail.job.key.queue);
    if (look != state.looks.end()) inputs.before = look->second.figures.backlog;
    return job_json(detail, eta_of(detail.job, inputs, state.now()));
}

void answer_job(GatewayState& state, const SharedCall& call) {
    Duration wait{0};
    if (call->query.has("wait")) {
        const auto parsed = jobqueue::parse_duration(call->query.get("wait"));
        if (!parsed || *parsed < Duration{0} || *parsed > longest_wait) {
            return call->refuse({.code = Error::Code::invalid, .message = "wait must be from 0s to 60s"});
        }
        wait = *parsed;
    }
    const auto answer = [&state, call](const JobDetail& detail) { call->answer(200, answer_of(state, detail)); };
    if (wait == Duration{0}) return with_job(state, call, answer);
    const auto poll = JobWait::start(
        state, call, wait, [](const JobDetail& detail) { return is_finished(detail.job.state); },
        [call, answer](const JobWait::Found& found) {
            if (!found) return call->refuse(found.error());
            if (!*found) return call->refuse(unknown_job(call->part("id")));
            answer(**found);
        });
    call->request.when_gone([poll] {
        if (const auto waits = poll.lock()) waits->stop();
    });
}

// Server-sent events: `state` with the job whenever it changed, until it ends.
class JobStream final : public Waiting, public std::enable_shared_from_this<JobStream> {
public:
    JobStream(GatewayState& state, SharedCall call, std::unique_ptr<http::BodyStream> body)
        : state_(state), call_(std::move(call)), body_(std::move(body)), timer_(state.io) {}

    void start() {
        state_.waiting.insert(shared_from_this());
        body_->when_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->end();
        });
        follower_ = JobFollower::start(*state_.view, state_.watchers, call_->part("id"),
                                       [weak = weak_from_this()](const JobFollower::Found& found) {
                                           if (const auto self = weak.lock()) self->on_found(found);
                                       });
        stay_alive();
    }

    void finish() override { end(); }

private:
    void on_found(const JobFollower::Found& found) {
        if (!found || !body_) return;  // the next change asks again
        const std::optional<JobDetail> detail = visible_job(state_, *call_, *found);
        if (!detail) return;
        std::string data = to_text(answer_of(state_, *detail));
        if (data != last_ && !body_->write("event: state\ndata: " + data + "\n\n")) return end();
        last_ = std::move(data);
        if (is_finished(detail->job.state)) end();
    }

    // Proxies close what is silent.
    void stay_alive() {
        timer_.expires_after(keep_alive);
        timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (error || !self || !self->body_) return;
            if (!self->body_->write(": still here\n\n")) return self->end();
            self->stay_alive();
        });
    }

    void end() {
        const auto self = shared_from_this();
        state_.waiting.erase(self);
        if (follower_) follower_->stop();
        timer_.cancel();
        body_.reset();
    }

    GatewayState& state_;
    SharedCall call_;
    std::unique_ptr<http::BodyStream> body_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<JobFollower> follower_;
    std::string last_;
};

// A list of what the view has beside a job.
template <class Entry>
void answer_list(GatewayState& state, const SharedCall& call, const char* name,
                 Result<std::vector<Entry>> (JobView::*question)(const JobKey&),
                 ordered_json (*as_json)(const Entry&)) {
    with_job(state, call, [&state, call, name, question, as_json](const JobDetail& detail) {
        state.view->ask([key = detail.job.key, question](JobView& view) { return (view.*question)(key); },
                        [call, name, as_json, id = detail.job.key.id](const Result<std::vector<Entry>>& entries) {
                            if (!entries) return call->refuse(entries.error());
                            ordered_json json{{"id", id}, {name, ordered_json::array()}};
                            for (const Entry& entry : *entries) json[name].push_back(as_json(entry));
                            call->answer(200, json);
                        });
    });
}

// What somebody submitted, or a worker answered, must not be run by a browser as this site's own.
http::Response foreign_content(std::string type, std::string content) {
    if (type.empty() || !http::is_valid_field({"content-type", type})) type = "application/octet-stream";
    return {200,
            {{"content-type", std::move(type)},
             {"content-security-policy", "sandbox"},
             {"x-content-type-options", "nosniff"}},
            std::move(content),
            {}};
}

http::Response result_response(const JobResult& result) {
    std::string type = result.content_type;
    if (type.empty()) type = result.kind == JobResult::Kind::json ? "application/json" : "application/octet-stream";
    return foreign_content(std::move(type), result.content);
}

void answer_result(GatewayState& state, const SharedCall& call) {
    with_job(state, call, [call](const JobDetail& detail) {
        const JobResult& result = detail.job.result;
        if (detail.job.state != JobState::completed) {
            return call->refuse({.code = Error::Code::conflict,
                                 .message = "the job is " + std::string(state_name(detail.job.state)) +
                                            ": only a completed one has a result"});
        }
        if (result.kind == JobResult::Kind::left_out) {
            return call->refuse(
                {.code = Error::Code::not_found,
                 .message = "the result had " + std::to_string(result.left_out) + " bytes, more than is kept"});
        }
        if (result.kind == JobResult::Kind::none) return call->reply({204, {}, {}, {}});
        call->reply(result_response(result));
    });
}

std::string header_of(const StoredRecord& record, std::string_view name, std::string fallback) {
    const auto found = std::ranges::find(record.headers, name, &Field::name);
    return found == record.headers.end() || found->value.empty() ? std::move(fallback) : found->value;
}

Error no_payload(const Job& job) {
    return {.code = Error::Code::not_found,
            .message =
                "the record of job " + job.key.id +
                " was not found: its place is known once a worker has begun it, and Kafka may have deleted it since"};
}

// The job's record stands where its run began, until its queue's finished part is deleted.
void answer_payload(GatewayState& state, const SharedCall& call) {
    with_job(state, call, [&state, call](const JobDetail& detail) {
        const Job& job = detail.job;
        if (job.topic.empty()) {
            return call->refuse(no_payload(job));
        }
        state.records->read({job.topic, job.partition}, job.offset, [call, job](Result<StoredRecord> record) {
            if (!record) return call->refuse(record.error());
            if (!is_record_of(job, *record)) return call->refuse(no_payload(job));
            http::Response response = foreign_content(header_of(*record, "content-type", "application/octet-stream"),
                                                      std::move(record->value).value_or(""));
            if (record->key) response.headers.push_back({"drover-key", base64_encode(*record->key)});
            call->reply(std::move(response));
        });
    });
}

}  // namespace

void add_job_routes(Routes& routes, GatewayState& state) {
    routes.add("GET", "/v1/jobs/{id}", {Role::view, [&state](const SharedCall& call) { answer_job(state, call); }});
    routes.add("GET", "/v1/jobs/{id}/events",
               {Role::view, [&state](const SharedCall& call) {
                    with_job(state, call, [&state, call](const JobDetail&) {
                        call->reply({200,
                                     {{"content-type", "text/event-stream"}, {"cache-control", "no-store"}},
                                     {},
                                     [&state, call](std::unique_ptr<http::BodyStream> body) {
                                         std::make_shared<JobStream>(state, call, std::move(body))->start();
                                     }});
                    });
                }});
    routes.add("GET", "/v1/jobs/{id}/history", {Role::view, [&state](const SharedCall& call) {
                                                    answer_list<Transition>(state, call, "history", &JobView::history,
                                                                            &transition_json);
                                                }});
    routes.add("GET", "/v1/jobs/{id}/logs", {Role::view, [&state](const SharedCall& call) {
                                                 answer_list<LogEntry>(state, call, "logs", &JobView::logs, &log_json);
                                             }});
    routes.add("GET", "/v1/jobs/{id}/result",
               {Role::view, [&state](const SharedCall& call) { answer_result(state, call); }});
    routes.add("GET", "/v1/jobs/{id}/payload",
               {Role::view, [&state](const SharedCall& call) { answer_payload(state, call); }});
    routes.add("POST", "/v1/jobs/{id}/cancel", {Role::operate, [&state](const SharedCall& call) {
                                                    with_job(state, call, [&state, call](const JobDetail& detail) {
                                                        if (allowed(state, call, Role::operate, detail.job.key.queue))
                                                            cancel_job(state, call, detail.job);
                                                    });
                                                }});
    routes.add("DELETE", "/v1/jobs/{id}", {Role::operate, [&state](const SharedCall& call) {
                                               with_job(state, call, [&state, call](const JobDetail& detail) {
                                                   if (allowed(state, call, Role::operate, detail.job.key.queue))
                                                       delete_job(state, call, detail.job);
                                               });
                                           }});
}

}  // namespace drover::gateway
