// The sidecar: one thread that owns everything. It takes what arrived from Kafka and the app, lets the engine decide,
// and performs the decisions. Room: sidecar.
//
// Owner thread: the one that runs `io`. Nothing here blocks it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "sidecar/core/delivery_engine.h"
#include "sidecar/hand_over_headers.h"
#include "sidecar/loop_clock.h"
#include "sidecar/record_slots.h"
#include "sidecar/stats.h"
#include "sidecar/subscription.h"
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
    // `delivery.timeout` and 10 s later. Calls after the first are told when the first is done.
    void drain(std::function<void()> drained);

    // A job for `queue`, durable when `done` has a partition and an offset.
    using Submitted = std::function<void(Result<kafka::Acknowledged>)>;
    void submit(const std::string& queue, const jobqueue::Submission& job, Submitted done);

    std::string new_job_id();
    Stats stats() const;
    const jobqueue::SidecarConfig& config() const { return config_; }

private:
    Sidecar(boost::asio::io_context& io, jobqueue::SidecarConfig config);
    Result<void> connect();

    // JobClient::Listener
    void answered(http::JobClient::Token lease, const http::Answer& answer) override;
    void probed(bool reachable) override;

    void wait_for_kafka();
    void schedule_turn();
    void schedule_refill();
    void turn();
    void poll_producer();
    void poll_groups();
    void take_records();
    bool take_from(AssignmentId assignment);
    event::Arrived arrived(AssignmentId assignment, kafka::Record record);  // in a slot, its headers read
    void log_worker();
    void set_timer();

    void handle(Event event);  // lets the engine decide, and performs what it says
    void serve_events();
    void perform(action::HandOver& action);
    void perform(action::Abort& action);
    void perform(action::WriteRetry& action);
    void perform(action::WriteDeadLetter& action);
    void perform(action::Settled& action);
    void perform(action::Commit& action);
    void perform(action::Detach& action);
    void perform(action::Release& action);
    void perform(action::Probe& action);
    void perform(action::Drained& action);
    void produce_letter(Slot slot, const kafka::Message& message);
    void count_dead_letter(const HeldJob& job);
    Subscription* holder(AssignmentId assignment);
    void finish_drain();

    boost::asio::io_context& io_;
    jobqueue::SidecarConfig config_;
    LoopClock clock_;
    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor kafka_ready_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer drain_limit_;

    DeliveryEngine engine_;
    RecordSlots slots_;  // outlived by what its records came from: see the order below
    HandOverHeaders headers_;
    std::string incarnation_;  // of this process, in leases
    std::string lease_;        // as the app sees the last one: incarnation, dash, number

    std::unique_ptr<kafka::Fetcher> fetcher_;
    std::unique_ptr<kafka::Producer> producer_;
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

    std::unordered_map<std::uint64_t, Submitted> submits_;
    std::uint64_t next_submit_ = 0;
    std::vector<std::function<void()>> drained_;
    bool draining_ = false;
    bool is_drained_ = false;
    bool closing_ = false;

    Stats stats_;
    std::string kafka_trouble_;
    Time dead_log_second_{};
    int dead_logs_ = 0;
};

}  // namespace drover::sidecar
