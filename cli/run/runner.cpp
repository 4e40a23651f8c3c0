#include "cli/run/runner.h"

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <algorithm>
#include <csignal>
#include <iostream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cli/figures.h"
#include "cli/run/data_folder.h"
#include "cli/run/lag_reader.h"
#include "cli/run/local_broker.h"
#include "cli/run/local_gateway.h"
#include "cli/run/queue_runner.h"
#include "cli/run/run_report.h"
#include "cli/run/screen.h"
#include "cli/submitter.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t default_broker_port = 9092;
constexpr std::uint16_t gateway_above = 60;  // the first sidecar's port: 4100
constexpr auto tick = 250ms;
constexpr auto quiet_before_end = 2s;  // --until-idle
constexpr auto last_look_within = 3s;
constexpr int hurried = 130;

class Runner {
public:
    explicit Runner(const RunOptions& options);
    int run();

private:
    Result<void> prepare();
    Result<void> prepare_broker();
    void start_reading();
    void no_topics_yet(const Error& why);
    void topics_ready();
    void submit(const SubmitOrder& order);
    void looked(const LagReader::Look& look);
    void tell_gateways(const QueueRunner& queue);
    void on_tick();
    void refresh();
    void end_when_idle();
    void on_signal(int number);
    void wait_for_signals();
    void wait_for_resizes();
    void drain(const std::string& why);
    void start_gateway();
    void stop_gateway();
    void stop_broker();
    void end(int code);
    void say(const std::string& line) { screen_.say("drover: " + line); }
    std::string kafka_problem() const;

    const RunOptions& options_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_, SIGINT, SIGTERM, SIGHUP}, resized_{io_, SIGWINCH};
    boost::asio::steady_timer tick_{io_};
    Screen screen_;
    DataFolder data_;
    PortPool ports_;
    RunPlace place_;
    std::unique_ptr<LocalBroker> broker_;
    std::vector<std::unique_ptr<QueueRunner>> queues_;
    std::vector<std::unique_ptr<Submitter>> submitters_;
    std::unique_ptr<LagReader> reader_;
    std::map<const QueueRunner*, jobqueue::WorkersRecord> told_;  // what gateways were told last
    std::unique_ptr<LocalGateway> gateway_;

    const Clock::time_point began_ = Clock::now();
    unsigned ticks_ = 0;
    bool served_ = false;  // the broker has been ready once
    bool has_topics_ = false;
    std::string reading_problem_;  // of the last look
    std::string broker_problem_;   // why it is not there
    std::size_t submitting_ = 0;   // orders that are not done
    Clock::time_point submitted_at_{};
    std::optional<Clock::time_point> idle_since_;
    std::size_t draining_queues_ = 0;
    std::optional<Clock::time_point> drained_at_;  // all queues
    bool ending_ = false;
    int outcome_ = 0;  // the exit code of an orderly end
    int code_ = 1;
};

Runner::Runner(const RunOptions& options)
    : options_(options),
      screen_({.live = options.live, .color = options.color}),
      ports_(options.port_base),
      place_{.io = io_,
             .ports = ports_,
             .executable = options.executable,
             .data = options.data,
             .kafka = options.kafka_settings,
             .embedded = options.kafka.empty(),
             .line =
                 [this](const std::string& replica, const std::string& program, const std::string& line) {
                     if (options_.logs) screen_.say(replica + " " + program + "| " + line);
                 },
             .crashed = [this](const std::string& replica,
                               const std::string& why) { say(replica + ": " + why + "; it is started again"); },
             .member_died =
                 [this](const jobqueue::JobQueue& queue, const std::string& client_id) {
                     // A real Kafka's sessions are short.
                     if (!broker_ || !broker_->is_ready()) return;
                     broker_->forget_member(client_id, {jobqueue::group_of(queue), jobqueue::retry_group_of(queue)});
                 }} {
    for (const jobqueue::JobQueue& queue : options.queues) {
        place_.queue_topics[queue.name] = jobqueue::topics_of(queue).main;
        queues_.push_back(std::make_unique<QueueRunner>(place_, queue));
    }
}

int Runner::run() {
    if (const Result<void> prepared = prepare(); !prepared) {
        std::cerr << "drover: " << prepared.error().message << '\n';
        return 1;
    }
    wait_for_signals();
    wait_for_resizes();
    if (broker_)
        broker_->start();
    else
        start_reading();
    on_tick();
    io_.run();
    return code_;
}

Result<void> Runner::prepare() {
    if (Result<void> opened = data_.open(options_.data); !opened) return opened;
    if (options_.kafka.empty()) return prepare_broker();
    for (const jobqueue::JobQueue& queue : options_.queues) {  // how to reach it; on the command line is stronger
        place_.kafka.insert(queue.kafka.settings.begin(), queue.kafka.settings.end());
    }
    place_.kafka["bootstrap.servers"] = options_.kafka;
    return {};
}

// --- broker and topics

Result<void> Runner::prepare_broker() {
    const auto program = find_broker(options_.broker, options_.executable);
    if (!program) return tl::unexpected(program.error());
    std::uint16_t port = options_.broker_port.value_or(default_broker_port);
    if (!is_port_free(port)) {
        if (options_.broker_port) {
            return failure(Error::Code::conflict, "port " + std::to_string(port) + " is taken by another program");
        }
        const Result<std::uint16_t> other = free_port_from(default_broker_port + 1);
        if (!other) return tl::unexpected(other.error());
        say("port " + std::to_string(port) + " is taken: the broker listens on " + std::to_string(*other));
        port = *other;
    }
    LocalBroker::Listener listener;
    listener.ready = [this] {
        if (!broker_problem_.empty()) say("the embedded broker is back");
        broker_problem_.clear();
        if (!std::exchange(served_, true)) start_reading();
    };
    listener.ended = [this](const std::string& why) {
        if (!served_) {
            say(why);
            return end(1);
        }
        if (why != broker_problem_) say(why + "; it is started again");
        broker_problem_ = why;
    };
    listener.trouble = [this](const std::string& what) { say(what); };
    broker_ = std::make_unique<LocalBroker>(io_, *program, port, options_.data / "broker", options_.data / "logs",
                                            std::move(listener));
    place_.kafka["bootstrap.servers"] = broker_->address();
    return {};
}

void Runner::start_reading() {
    say("broker " + place_.kafka["bootstrap.servers"] + ", data in " + options_.data.string());
    reader_ = std::make_unique<LagReader>(
        io_, place_.kafka, options_.queues, options_.gateway,
        LagReader::Listener{.topics_ready = [this](int) { topics_ready(); },
                            .waiting = [this](const Error& why) { no_topics_yet(why); },
                            .looked = [this](const LagReader::Look& look) { looked(look); }});
}

void Runner::no_topics_yet(const Error& why) {
    if (ending_) return;
    if (why.message != reading_problem_) say(why.message);
    reading_problem_ = why.message;
    if (why.code != Error::Code::invalid) return;  // it may still come right
    outcome_ = 2;
    drain("");
}

void Runner::topics_ready() {
    has_topics_ = true;
    reading_problem_.clear();
    if (ending_) return;
    if (options_.gateway) start_gateway();
    submitting_ = options_.submit.size();
    for (const SubmitOrder& order : options_.submit) submit(order);
}

void Runner::start_gateway() {
    const LocalGateway::Options options{.executable = options_.executable,
                                        .data = options_.data,
                                        .kafka = place_.kafka,
                                        .default_namespace = options_.queues.front().ns,
                                        .port = static_cast<std::uint16_t>(options_.port_base + gateway_above)};
    auto gateway = LocalGateway::start(io_, options, [this](const std::string& line) { say(line); });
    if (!gateway) return say("there is no gateway: " + gateway.error().message);
    gateway_ = std::move(*gateway);
    say("gateway " + gateway_->address());
}

void Runner::submit(const SubmitOrder& order) {
    const auto queue = std::ranges::find(options_.queues, order.queue, &jobqueue::JobQueue::name);
    JobSource jobs = limited(files_as_jobs({}, order.files, options_.submit_as), queue->delivery.max_payload);
    auto submitter = Submitter::start(
        io_, place_.kafka, {.topic = jobqueue::topics_of(*queue).main, .jobs = std::move(jobs)},
        [this, name = order.queue](const Submitter::Outcome& outcome) {
            --submitting_;
            submitted_at_ = Clock::now();
            say("submitted " + with_thousands(static_cast<std::int64_t>(outcome.acknowledged)) + " jobs to " + name);
            if (outcome.failed == 0) return;
            outcome_ = 1;
            say(with_thousands(static_cast<std::int64_t>(outcome.failed)) + " jobs could not be submitted to " + name +
                ": " + outcome.first_error->message);
        });
    if (submitter) return submitters_.push_back(std::move(*submitter));
    --submitting_;
    outcome_ = 1;
    say("nothing can be submitted to " + order.queue + ": " + submitter.error().message);
}

void Runner::looked(const LagReader::Look& look) {
    if (drained_at_) {
        if (look.began >= *drained_at_)
            stop_gateway();
        else
            return;
    }
    if (look.figures) {
        if (!reading_problem_.empty()) say("Kafka can be read again");
        reading_problem_.clear();
    } else if (reading_problem_ != look.figures.error().message) {
        reading_problem_ = look.figures.error().message;
        if (broker_problem_.empty()) say("Kafka cannot be read: " + reading_problem_);
    }
    for (std::size_t i = 0; i < queues_.size(); ++i) {
        queues_[i]->observe(look.figures ? &(*look.figures)[i] : nullptr);
        tell_gateways(*queues_[i]);
    }
    const bool settled = look.figures && submitting_ == 0 && look.began >= submitted_at_;
    const bool idle = settled && std::ranges::all_of(queues_, [](const auto& queue) { return queue->is_idle(); });
    if (!idle)
        idle_since_.reset();
    else if (!idle_since_)
        idle_since_ = look.began;
    end_when_idle();
}

void Runner::tell_gateways(const QueueRunner& queue) {
    jobqueue::WorkersRecord workers = queue.workers();
    const auto told = told_.find(&queue);
    if (told != told_.end() && jobqueue::news_of(told->second, workers) == jobqueue::WorkersNews::none) return;
    reader_->tell(queue.queue(), workers);
    told_.insert_or_assign(&queue, std::move(workers));
}

void Runner::end_when_idle() {
    if (!options_.until_idle || ending_ || !idle_since_) return;
    if (Clock::now() - *idle_since_ >= quiet_before_end) drain("");
}

std::string Runner::kafka_problem() const { return broker_problem_.empty() ? reading_problem_ : broker_problem_; }

// --- the screen

void Runner::on_tick() {
    const unsigned count = ticks_++;
    if (count % 2 == 0) {
        for (const auto& queue : queues_) queue->poll();
    }
    if (screen_.is_live() || count % 4 == 0) refresh();
    if (!screen_.is_open() && !ending_) drain("");
    tick_.expires_after(tick);
    tick_.async_wait([this](boost::system::error_code error) {
        if (!error) on_tick();
    });
}

void Runner::refresh() {
    RunStatus status{.broker = place_.kafka["bootstrap.servers"] + (broker_ ? " (embedded)" : ""),
                     .elapsed = std::chrono::duration_cast<Duration>(Clock::now() - began_)};
    for (const auto& queue : queues_) status.queues.push_back(queue->status(kafka_problem()));
    screen_.show(status);
}

// --- the end

void Runner::wait_for_signals() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
        if (error) return;
        on_signal(number);
        wait_for_signals();
    });
}

void Runner::wait_for_resizes() {
    resized_.async_wait([this](boost::system::error_code error, int) {
        if (error) return;
        screen_.resized();
        wait_for_resizes();
    });
}

void Runner::on_signal(int) {
    if (ending_) {
        say("ending at once: what is in flight will run again");
        for (const auto& queue : queues_) queue->kill();
        if (gateway_) gateway_->kill();
        if (broker_) broker_->kill();
        return end(hurried);
    }
    drain("finishing what is in flight; again to end at once");
}

void Runner::drain(const std::string& why) {
    ending_ = true;
    if (!why.empty()) say(why);
    submitters_.clear();
    if (!has_topics_) return stop_gateway();
    draining_queues_ = queues_.size();
    for (const auto& queue : queues_) {
        queue->stop([this] {
            if (--draining_queues_ > 0) return;
            drained_at_ = Clock::now();
            tick_.cancel();
            // One more look, so that the summary knows what is left.
            tick_.expires_after(last_look_within);
            tick_.async_wait([this](boost::system::error_code error) {
                if (!error) stop_gateway();
            });
        });
    }
}

void Runner::stop_gateway() {
    drained_at_ = Clock::time_point::max();  // no further look
    tick_.cancel();
    if (gateway_)
        gateway_->stop([this] { stop_broker(); });
    else
        stop_broker();
}

void Runner::stop_broker() {
    const auto done = [this] {
        if (has_topics_) {
            if (!screen_.is_live()) refresh();
            screen_.finish(
                report_on(queues_, std::chrono::duration_cast<Duration>(Clock::now() - began_), options_.data));
        }
        end(outcome_);
    };
    const auto stop = [this, done] {
        if (broker_)
            broker_->stop(done);
        else
            done();
    };
    // The broker last: whoever asks it would wait for an answer.
    if (reader_)
        reader_->stop(stop);
    else
        stop();
}

void Runner::end(int code) {
    code_ = code;
    io_.stop();
}

}  // namespace

int run_locally(const RunOptions& options) {
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write()
    Runner runner(options);
    return runner.run();
}

}  // namespace drover::cli
