// The sidecar: one thread that owns everything. It takes what arrived from Kafka and the app, lets the engine decide,
// and performs the decisions. Room: sidecar.
//
// Owner thread: the one that runs `io`. Nothing here blocks it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "sidecar/control_reader.h"
#include "sidecar/core/delivery_engine.h"
#include "sidecar/core/progress_gate.h"
#include "sidecar/exchanges.h"
#include "sidecar/letters.h"
#include "sidecar/loop_clock.h"
#include "sidecar/pulls.h"
#include "sidecar/record_slots.h"
#include "sidecar/stats.h"
#include "sidecar/subscription.h"
#include "sidecar/worker_requests.h"
#include "src/http/job_client.h"
#include "src/jobqueue/sidecar_config.h"
#include "src/jobqueue/submission.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/producer.h"

namespace drover::sidecar {

class Sidecar final : private http::JobClient::Listener {
public:
    // Joins the queue's groups; an Error is a configuration that can never work.
    static Result<std::unique_ptr<Sidecar>> start(boost::asio::io_context& io, jobqueue::SidecarConfig config);
    ~Sidecar();

    // Stops fetching, finishes what is in flight, commits, leaves the groups, then calls `drained`, at most
    // `delivery.timeout` (where the app holds leases, `delivery.maxDrain` too) and 10 s later. Calls after the first
    // are told when the first is done.
    void drain(std::function<void()> drained);

    // A job for `queue`, durable when `done` has a partition and an offset.
    using Submitted = std::function<void(Result<kafka::Acknowledged>)>;
    void submit(const std::string& queue, const jobqueue::Submission& job, Submitted done);

    // What the app says or asks about a job that it has in hand. `conflict`: it has it no longer.
    struct Heard {
        bool cancelled = false;  // nobody wants the job any more
        bool draining = false;   // it is to be finished soon: another pod gets it otherwise
        Time expires_at{};
    };
    Result<Heard> hear(request::Progress progress);
    Result<Heard> hear(request::Logs logs);
    Result<Heard> hear(const request::Heartbeat& heartbeat);
    Result<Heard> hear(request::Complete complete);
    Result<Heard> hear(const request::Fail& fail);
    // `invalid` where the app does not pull. `{"jobs":[…]}`, once there are some, or the wait is over.
    Result<Pulls::Id> lease(const request::LeaseRequest& wanted, Pulls::Reply reply);
    // Nobody waits there any more: the jobs are for the others.
    void withdraw(Pulls::Id pull);

    std::string new_job_id();
    Stats stats() const;
    // As it is now: the control topic may change it. `changed` is called when it has.
    const jobqueue::SidecarConfig& config() const { return config_; }
    void when_configured(std::function<void()> changed) { configured_ = std::move(changed); }

private:
    Sidecar(boost::asio::io_context& io, jobqueue::SidecarConfig config);
    Result<void> connect();
    Result<void> join_groups();
    void ask_the_time();
    void learn_the_time(const Result<kafka::Acknowledged>& told);

    // JobClient::Listener
    void answered(http::JobClient::Token lease, const http::Answer& answer) override;
    void probed(bool reachable) override;

    void wait_for_kafka();
    void schedule_turn();
    void schedule_refill();
    void turn();
    void poll_producers();
    void poll_producer(kafka::Producer& producer);
    void poll_groups();
    void take_records();
    bool take_from(AssignmentId assignment);
    event::Arrived arrived(const Subscription& subscription, AssignmentId assignment, kafka::Record record);
    void read_control();
    void configure(const std::string& hot);
    void serve_worker_requests();
    void log_worker();
    void set_timer();

    void handle(Event event);  // lets the engine decide, and performs what it says
    void serve_events();
    void perform(action::HandOver& action);
    void perform(action::Abort& action);
    void perform(action::WriteRetry& action);
    void perform(action::RetryInPlace& action);
    void perform(action::WriteDeadLetter& action);
    void perform(action::WriteEvent& action);
    void perform(action::Settled& action);
    void perform(action::Commit& action);
    void perform(action::Detach& action);
    void perform(action::Release& action);
    void perform(action::ReportUsage& action);
    void perform(action::Probe& action);
    void perform(action::Drained& action);
    // A job that the app has in hand by this lease, as the app wrote both.
    Result<Slot> in_hand(std::string_view job_id, std::string_view lease) const;
    Result<Slot> endable(std::string_view job_id, std::string_view lease) const;
    void end(Slot slot, Outcome outcome);
    Result<Heard> heard(Slot slot) const;
    Result<Heard> not_in_hand(std::string_view lease, const Error& why) const;
    void hand_over_ends(Slot slot);
    void count_dead_letter(const HeldJob& job);
    Subscription* holder(AssignmentId assignment);
    void finish_drain();

    boost::asio::io_context& io_;
    const jobqueue::SidecarConfig started_;  // what its groups and its pod go by
    jobqueue::SidecarConfig config_;         // that with what the control topic says
    std::function<void()> configured_ = [] {};
    LoopClock clock_;
    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor kafka_ready_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer drain_limit_;

    DeliveryEngine engine_;
    RecordSlots slots_;  // outlived by what its records came from: see the order below
    Exchanges exchanges_;
    Pulls pulls_;
    std::deque<std::string> given_leases_;  // that pulls_ refers to
    ProgressGate gate_;
    std::string incarnation_;  // of this process, in leases
    std::string usage_name_;   // under which this process tells the others about its share of the queue's rate
    std::string lease_;        // as the app sees the last one: incarnation, dash, number

    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::unique_ptr<kafka::Producer> producer_;
    std::unique_ptr<kafka::Producer> event_producer_;  // nothing: the queue has no events
    std::unique_ptr<Letters> letters_;
    std::unique_ptr<ControlReader> control_;  // nothing: the queue has no control topic
    std::deque<Lease> cancelled_;             // the last ones that were in hand
    std::vector<std::unique_ptr<Subscription>> subscriptions_;
    AssignmentId next_assignment_ = 0;
    std::unique_ptr<http::JobClient> client_;

    std::vector<AssignmentId> readable_;  // may have records; taken from in turn
    std::size_t next_readable_ = 0;
    std::vector<kafka::Fetcher::Fetched> fetched_;  // buffer of take_from()
    std::vector<Event> events_;                     // waiting for the engine, in their order
    bool handling_ = false;
    bool refill_scheduled_ = false;
    Time timer_at_{};  // when timer_ fires
    bool worker_was_reachable_ = false;
    bool paused_ = false;
    bool begun_ = false;  // the time is known, and the groups are joined

    std::unordered_map<std::uint64_t, Submitted> submits_;
    std::uint64_t next_submit_ = 0;
    std::vector<std::function<void()>> drained_;
    bool draining_ = false;
    bool is_drained_ = false;
    bool closing_ = false;

    Stats stats_;
    std::string kafka_trouble_;
    std::string config_trouble_;  // why what the control topic says is not used; "" when it is
    Time dead_log_second_{};
    int dead_logs_ = 0;
};

}  // namespace drover::sidecar
