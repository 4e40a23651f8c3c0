#include "sidecar/sidecar.h"

#include <algorithm>
#include <charconv>
#include <random>

#include <boost/asio/post.hpp>

#include "src/jobqueue/priorities.h"
#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;

// librdkafka's sign of life, and how late a lost wake-up could be noticed.
constexpr auto longest_sleep = 100ms;
constexpr auto drain_grace = 10s;
constexpr std::uint64_t submit_flag = std::uint64_t{1} << 63;  // in a producer's token; without it, a slot
constexpr std::uint64_t time_token = std::uint64_t{1} << 59;   // of the record whose answer tells the brokers' time
constexpr Duration noteworthy_difference = 1s;                 // between the machine's clock and the brokers'
constexpr auto event_linger = 20ms;  // a request for each event would cost most; commits come every 100 ms anyway
constexpr int dead_logs_per_second = 10;

EngineConfig engine_config(const jobqueue::SidecarConfig& config) {
    EngineConfig engine;
    engine.ordering = config.delivery.ordering;
    engine.retry = config.retry;
    for (const auto& retry : config.retry_topics) engine.retry_steps.push_back(retry.step);
    engine.pulled = config.delivery.mode == jobqueue::Mode::pull;
    engine.concurrency = config.delivery.concurrency;
    engine.batch_max_size = config.delivery.batch_max_size;
    engine.batch_max_wait = config.delivery.batch_max_wait;
    engine.lanes = std::max<std::size_t>(config.lanes.size(), 1);
    engine.terminal_events = !config.events_topic.empty();
    engine.rate_limit = config.delivery.rate_limit;
    engine.key_rate_limit = config.delivery.key_rate_limit;
    engine.all_partitions = config.partitions * static_cast<int>(engine.lanes);
    engine.timeout = config.delivery.timeout;
    engine.max_drain = config.delivery.max_drain;
    engine.commit_interval = config.commit_interval;
    engine.paused = config.paused || !config.control_topic.empty();  // until that has been read
    return engine;
}

std::uint64_t random_number() {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
}

void append_hex(std::string& text, std::uint64_t number) {
    char digits[16];
    text.append(digits, std::to_chars(std::begin(digits), std::end(digits), number, 16).ptr);
}

// The lanes, most urgent first.
std::vector<jobqueue::SidecarLane> lanes_of(const jobqueue::SidecarConfig& config) {
    if (!config.lanes.empty()) return config.lanes;
    return {{std::string(jobqueue::normal_lane), config.topic, config.group}};
}

// Of a retry: where its priority says, and without one where it first stood.
std::size_t lane_of(const jobqueue::SidecarConfig& config, const jobqueue::JobHeaders& job) {
    if (job.priority.empty() && job.original) {
        const auto lane = std::ranges::find(config.lanes, job.original->topic, &jobqueue::SidecarLane::topic);
        if (lane != config.lanes.end()) return static_cast<std::size_t>(lane - config.lanes.begin());
    }
    return jobqueue::lane_for(config.lanes, job.priority);
}

// How long a partition that goes waits for jobs that the app has.
Duration longest_hand_over(const jobqueue::SidecarConfig& config) {
    const auto& delivery = config.delivery;
    const bool leases = delivery.async_completion || delivery.mode == jobqueue::Mode::pull;
    return leases ? delivery.timeout + delivery.max_drain : delivery.timeout;
}

}  // namespace

Result<std::unique_ptr<Sidecar>> Sidecar::start(boost::asio::io_context& io, jobqueue::SidecarConfig config) {
    std::unique_ptr<Sidecar> sidecar(new Sidecar(io, std::move(config)));
    if (Result<void> connected = sidecar->connect(); !connected) return tl::unexpected(connected.error());
    if (sidecar->control_) {
        sidecar->ask_the_time();
    } else if (Result<void> joined = sidecar->join_groups(); !joined) {
        return tl::unexpected(joined.error());
    }
    sidecar->wait_for_kafka();
    sidecar->schedule_turn();
    return sidecar;
}

Sidecar::Sidecar(boost::asio::io_context& io, jobqueue::SidecarConfig config)
    : io_(io),
      started_(std::move(config)),
      config_(started_),
      kafka_ready_(io, wakeup_.fd()),
      timer_(io),
      drain_limit_(io),
      engine_(engine_config(config_), random_number()),
      exchanges_(config_, slots_) {
    append_hex(incarnation_, random_number());
    usage_name_ = config_.pod.empty() ? incarnation_ : config_.pod;
    lease_ = incarnation_ + "-";
    paused_ = config_.paused || !config_.control_topic.empty();
    worker_was_reachable_ = engine_.worker_reachable();  // from the start where it pulls
}

Sidecar::~Sidecar() {
    client_.reset();
    subscriptions_.clear();
    control_.reset();
    fetched_.clear();
    slots_ = RecordSlots();  // a record must not outlive the fetcher
    kafka_ready_.release();  // the wake-up closes its own descriptor
}

Result<void> Sidecar::connect() {
    const auto lanes = lanes_of(config_);
    const int topics =
        static_cast<int>(lanes.size() + config_.retry_topics.size() + config_.retired_retry_topics.size());
    auto fetcher = kafka::Fetcher::create(
        config_.kafka, {.expected_partitions = config_.partitions * topics, .group = config_.group}, wakeup_);
    if (!fetcher) return tl::unexpected(fetcher.error());
    fetcher_ = std::move(*fetcher);
    auto producer = kafka::Producer::create(config_.kafka, wakeup_);
    if (!producer) return tl::unexpected(producer.error());
    producer_ = std::move(*producer);
    if (!config_.events_topic.empty()) {
        auto event_producer = kafka::Producer::create(config_.kafka, wakeup_, event_linger);
        if (!event_producer) return tl::unexpected(event_producer.error());
        event_producer_ = std::move(*event_producer);
    }
    letters_ =
        std::make_unique<Letters>(config_, slots_, *producer_, event_producer_ ? *event_producer_ : *producer_, stats_);
    if (!config_.control_topic.empty()) {
        control_ = std::make_unique<ControlReader>(*fetcher_, config_.control_topic, ++next_assignment_);
    }
    client_ = http::JobClient::create(
        io_.get_executor(), {.port = static_cast<std::uint16_t>(config_.delivery.port), .path = config_.delivery.path},
        *this);
    return {};
}

// What is due is due by the brokers' time, and pods' clocks differ. Whoever writes into the control topic is told when
// the broker had it; as that was a moment ago, this clock is late rather than early.
void Sidecar::ask_the_time() {
    const auto message = jobqueue::control_message(jobqueue::control::Usage{.pod = usage_name_, .known = false});
    const Result<void> queued = producer_->produce(
        {.topic = config_.control_topic, .key = message.key, .value = std::nullopt, .headers = {}}, time_token);
    if (!queued) learn_the_time(tl::unexpected(queued.error()));
}

void Sidecar::learn_the_time(const Result<kafka::Acknowledged>& told) {
    if (!told) {
        log::warn("the brokers' time is not known: going by this machine's clock", {{"error", told.error().message}});
    } else {
        const Duration difference = told->timestamp - clock_.now();
        if (difference > noteworthy_difference || difference < -noteworthy_difference) {
            log::warn("this machine's clock is not the brokers': going by theirs",
                      {{"seconds", std::chrono::duration<double>(difference).count()}});
        }
        clock_.set(told->timestamp);
    }
    if (draining_) return;
    if (const Result<void> joined = join_groups(); !joined) {
        kafka_trouble_ = joined.error().message;
        log::error("the consumer groups cannot be joined", {{"error", kafka_trouble_}});
    }
}

Result<void> Sidecar::join_groups() {
    begun_ = true;
    handle(event::Tick{});  // looks for the worker, before there is a partition too
    const auto lanes = lanes_of(config_);
    const auto join = [this](const std::string& group, std::map<std::string, Duration> steps,
                             std::size_t lane) -> Result<void> {
        kafka::GroupOptions options{.group = group};
        for (const auto& [topic, step] : steps) options.topics.push_back(topic);
        options.session_timeout = std::chrono::ceil<std::chrono::milliseconds>(config_.session_timeout);
        options.max_poll_interval = std::max<std::chrono::milliseconds>(
            std::chrono::ceil<std::chrono::milliseconds>(longest_hand_over(started_)) + 60s, options.session_timeout);
        options.max_poll_interval =
            std::min<std::chrono::milliseconds>(options.max_poll_interval, 24h);  // librdkafka's
        auto member = kafka::GroupMember::join(config_.kafka, options, wakeup_);
        if (!member) return tl::unexpected(member.error());
        subscriptions_.push_back(
            std::make_unique<Subscription>(std::move(*member), *fetcher_, std::move(steps), lane, next_assignment_));
        return {};
    };
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        if (Result<void> joined = join(lanes[lane].group, {{lanes[lane].topic, Duration{0}}}, lane); !joined)
            return joined;
    }
    std::map<std::string, Duration> steps;
    for (const auto* topics : {&config_.retry_topics, &config_.retired_retry_topics}) {
        for (const auto& retry : *topics) steps.emplace(retry.topic, retry.step);
    }
    if (!steps.empty()) {
        if (Result<void> joined = join(config_.retry_group, std::move(steps), jobqueue::lane_for(config_.lanes, ""));
            !joined)
            return joined;
    }
    return {};
}

// --- the loop

void Sidecar::wait_for_kafka() {
    kafka_ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        turn();
        wait_for_kafka();
    });
}

void Sidecar::schedule_turn() {
    boost::asio::post(io_, [this] { turn(); });
}

// After answers: what waits takes the free places, and what was prefetched takes theirs. Answers that come together
// are served together, so that the app is woken once for all of them.
void Sidecar::schedule_refill() {
    if (refill_scheduled_) return;
    refill_scheduled_ = true;
    boost::asio::post(io_, [this] {
        refill_scheduled_ = false;
        serve_events();
        take_records();
        set_timer();
        log_worker();
    });
}

void Sidecar::turn() {
    wakeup_.clear();
    poll_producers();
    poll_groups();
    take_records();
    serve_worker_requests();
    const std::optional<Time> wakeup = engine_.next_wakeup();
    if (wakeup && *wakeup <= clock_.now()) handle(event::Tick{});
    letters_->tell_late_starts([this](Lease lease) { return engine_.standing(lease).has_value(); }, clock_.now());
    set_timer();
    log_worker();
    if (closing_) finish_drain();
}

void Sidecar::log_worker() {
    if (engine_.worker_reachable() == worker_was_reachable_ || draining_) return;
    worker_was_reachable_ = !worker_was_reachable_;
    if (worker_was_reachable_) {
        log::info("the worker answers", {{"port", config_.delivery.port}});
    } else {
        log::warn("the worker's port does not answer: jobs wait, no attempt is used",
                  {{"port", config_.delivery.port}});
    }
}

// Wakes at the engine's time or a little before, never after.
void Sidecar::set_timer() {
    const Time now = clock_.now();
    const Time at = std::min({now + longest_sleep, engine_.next_wakeup().value_or(Time::max()),
                              pulls_.next_end().value_or(Time::max()), gate_.next_due().value_or(Time::max()),
                              letters_->next_late_start().value_or(Time::max())});
    if (now < timer_at_ && timer_at_ <= at) return;
    timer_at_ = at;
    timer_.expires_after(std::max(at - now, Duration{0}));
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) turn();
    });
}

void Sidecar::poll_producers() {
    poll_producer(*producer_);
    if (event_producer_) poll_producer(*event_producer_);
    serve_events();
}

void Sidecar::poll_producer(kafka::Producer& producer) {
    for (const kafka::Delivery& delivery : producer.poll()) {
        if ((delivery.token & submit_flag) != 0) {
            const auto submit = submits_.extract(delivery.token);
            submit.mapped()(delivery.outcome);
            continue;
        }
        if (delivery.token == time_token) {
            learn_the_time(delivery.outcome);
            continue;
        }
        letters_->delivered(delivery, events_);
    }
    for (const kafka::ClientError& trouble : producer.troubles()) {
        log::error("trouble with the producer", {{"error", trouble.error.message}, {"broker", trouble.broker}});
    }
}

void Sidecar::poll_groups() {
    for (const auto& subscription : subscriptions_) subscription->poll(clock_.now(), events_);
    serve_events();
    for (const kafka::ClientError& trouble : fetcher_->serve()) {
        if (trouble.error.message == kafka_trouble_) continue;
        kafka_trouble_ = trouble.error.message;
        log::error("trouble with Kafka", {{"error", trouble.error.message}, {"broker", trouble.broker}});
    }
}

// A few records of each partition in turn, as long as the engine has room.
void Sidecar::take_records() {
    const std::size_t known = readable_.size();
    fetcher_->ready(readable_);
    read_control();
    for (std::size_t i = known; i < readable_.size();) {  // one that is in the list already needs no second place
        if (std::find(readable_.begin(), readable_.begin() + static_cast<std::ptrdiff_t>(i), readable_[i]) ==
            readable_.begin() + static_cast<std::ptrdiff_t>(i)) {
            ++i;
        } else {
            readable_[i] = readable_.back();
            readable_.pop_back();
        }
    }
    std::size_t without_room = 0;
    while (without_room < readable_.size() && engine_.has_room()) {
        if (next_readable_ >= readable_.size()) next_readable_ = 0;
        const AssignmentId assignment = readable_[next_readable_];
        if (holder(assignment) == nullptr) {
            readable_[next_readable_] = readable_.back();
            readable_.pop_back();
        } else if (engine_.room(assignment) == 0) {
            ++without_room;
            ++next_readable_;
        } else if (take_from(assignment)) {
            without_room = 0;
            ++next_readable_;
        } else {  // empty: the fetcher tells when it is not
            const auto at = std::find(readable_.begin(), readable_.end(), assignment);
            if (at != readable_.end()) {
                *at = readable_.back();
                readable_.pop_back();
            }
        }
    }
}

// True when there may be more.
bool Sidecar::take_from(AssignmentId assignment) {
    Subscription* const subscription = holder(assignment);
    fetched_.clear();
    const bool more = fetcher_->take(assignment, engine_.room(assignment), fetched_);
    if (!fetched_.empty()) kafka_trouble_.clear();  // set again below by what is still wrong
    if (subscription->reads_back(assignment)) subscription->read_back(assignment, fetched_, events_);
    for (kafka::Fetcher::Fetched& item : fetched_) {
        if (auto* record = std::get_if<kafka::Record>(&item)) {
            events_.emplace_back(arrived(*subscription, assignment, std::move(*record)));
        } else if (const auto* end = std::get_if<kafka::Fetcher::ReachedEnd>(&item)) {
            events_.emplace_back(event::ReachedEnd{assignment, end->offset});
        } else if (const auto* failed = std::get_if<kafka::Fetcher::Failed>(&item)) {
            log::error("partition cannot be fetched, trying again", {{"error", failed->error.message}});
            kafka_trouble_ = failed->error.message;
        } else if (const auto* gone = std::get_if<kafka::Fetcher::OffsetOutOfRange>(&item)) {
            subscription->restart_at_earliest(assignment, gone->message, events_);
            serve_events();
            return false;
        }
    }
    serve_events();
    return more;
}

// In a slot, its headers read.
event::Arrived Sidecar::arrived(const Subscription& subscription, AssignmentId assignment, kafka::Record record) {
    ++stats_.received;
    const Slot slot = slots_.keep(std::move(record));
    HeldJob& job = slots_[slot];
    const std::optional<std::string_view> key = job.record->key(), value = job.record->value();
    event::Arrived arrived{.assignment = assignment, .slot = slot, .offset = job.origin.offset};
    arrived.appended_at = job.origin.timestamp;
    const std::size_t payload_bytes = value ? value->size() : 0;
    arrived.bytes = payload_bytes + (key ? key->size() : 0) + 256;
    for (const FieldView& field : job.fields) arrived.bytes += field.name.size() + field.value.size();
    if (key) arrived.key = std::hash<std::string_view>{}(*key);

    if (Result<jobqueue::JobHeaders> headers = jobqueue::parse_job_headers(job.fields)) {
        job.headers = *headers;
        arrived.attempts_made = headers->attempts_made;
        arrived.max_attempts = headers->max_attempts;
        arrived.timeout = headers->timeout;
        arrived.due_at = headers->due_at;
        arrived.deadline = headers->deadline;
    } else {
        job.headers = {};
        arrived.unfit = std::make_unique<jobqueue::Cause>(
            jobqueue::Cause{.error_class = "MalformedHeader", .message = headers.error().message});
    }
    if (payload_bytes > static_cast<std::size_t>(config_.delivery.max_payload)) {
        arrived.unfit = std::make_unique<jobqueue::Cause>(
            jobqueue::Cause{.error_class = "PayloadTooLarge",
                            .message = "the payload has " + std::to_string(payload_bytes) + " bytes, the queue takes " +
                                       std::to_string(config_.delivery.max_payload)});
    }
    job.id = jobqueue::job_id(job.headers, job.fields, job.origin);
    job.attempt = arrived.attempts_made;
    job.max_attempts = arrived.max_attempts.value_or(config_.retry.max_attempts);
    arrived.fingerprint = fingerprint(job.headers);
    if (config_.lanes.size() > 1 && subscription.retries()) arrived.lane = lane_of(config_, job.headers);
    arrived.cancelled = control_ && (control_->is_cancelled(job.id, clock_.now()) || control_->is_dropped(job.origin));
    return arrived;
}

// --- decisions

void Sidecar::handle(Event event) {
    events_.push_back(std::move(event));
    serve_events();
}

void Sidecar::serve_events() {
    if (handling_) return;  // from within perform(): its turn comes
    if (!begun_) return;    // the engine's time never goes back: it is not told a wrong one
    handling_ = true;
    const Time now = clock_.now();
    for (std::size_t i = 0; i < events_.size(); ++i) {
        for (Action& action : engine_.step(std::move(events_[i]), now)) {
            std::visit([this](auto& what) { perform(what); }, action);
        }
        // What one step has given goes together, while the records that it refers to are there.
        exchanges_.flush(*client_);
        if (!given_leases_.empty()) {
            pulls_.answer(now);
            given_leases_.clear();
            // Those that were answered wait for no more, though they had asked for more: said before anything else
            // can be handed to them.
            events_.insert(events_.begin() + static_cast<std::ptrdiff_t>(i) + 1, event::Demanded{pulls_.demand()});
        }
    }
    events_.clear();
    handling_ = false;
    for (const auto& subscription : subscriptions_) subscription->flush();
}

void Sidecar::perform(action::HandOver& hand_over) {
    HeldJob& job = slots_[hand_over.slot];
    ++stats_.handed_over;
    job.handed_over_at = clock_.now();
    job.attempt = hand_over.attempt;
    job.max_attempts = hand_over.max_attempts;
    job.lease = hand_over.lease;
    if (hand_over.attempt == 1) stats_.wait.add(std::max(Duration{0}, job.handed_over_at - job.origin.timestamp));
    lease_.resize(incarnation_.size() + 1);  // after the incarnation and its dash
    append_hex(lease_, hand_over.lease);
    if (config_.delivery.mode == jobqueue::Mode::push) {
        exchanges_.hand_over(*client_, hand_over, lease_);
    } else {
        job.leased = true;
        const std::string& lease = given_leases_.emplace_back(lease_);
        job.lease_lasts = pulls_.give(batch_item(job, lease));
        if (job.lease_lasts) events_.emplace_back(event::Renewed{hand_over.lease, job.lease_lasts});
    }
    letters_->tell_started(hand_over.slot, job.handed_over_at);
}

void Sidecar::perform(action::Abort& abort) {
    hand_over_ends(slot_of(abort.lease));  // the app has no more to say about it
    if (!slots_[slot_of(abort.lease)].leased) return exchanges_.abort(*client_, abort.lease, events_);
    events_.emplace_back(event::Answered{abort.lease, {.verdict = Outcome::Verdict::aborted}});
}

void Sidecar::perform(action::WriteRetry& retry) { letters_->write(retry, clock_.now(), events_); }

void Sidecar::perform(action::RetryInPlace& retry) {
    letters_->tell_retrying(retry.slot, retry.attempts_made, retry.due_at, retry.cause, clock_.now());
    slots_[retry.slot].handed_over_at = {};  // what comes next is another attempt's
}

void Sidecar::perform(action::WriteDeadLetter& letter) { letters_->write(letter, clock_.now(), events_); }

void Sidecar::count_dead_letter(const HeldJob& job) {
    ++stats_.dead_lettered;
    auto& classes = stats_.dead_by_class;
    ++classes[classes.size() < 20 || classes.contains(job.cause.error_class) ? job.cause.error_class : "other"];

    const Time second = std::chrono::floor<std::chrono::seconds>(clock_.now());
    if (second != dead_log_second_) {
        if (dead_logs_ > dead_logs_per_second) {
            log::warn("more jobs dead-lettered in the same second", {{"count", dead_logs_ - dead_logs_per_second}});
        }
        dead_log_second_ = second;
        dead_logs_ = 0;
    }
    if (++dead_logs_ > dead_logs_per_second) return;
    log::warn("job dead-lettered", {{"job", job.id}, {"error", job.cause.error_class}, {"cause", job.cause.message}});
}

void Sidecar::perform(action::WriteEvent& event) { letters_->write(event, clock_.now(), events_); }

void Sidecar::perform(action::Settled& settled) {
    switch (settled.how) {
        case action::Settled::How::completed: ++stats_.completed; break;
        case action::Settled::How::cancelled: ++stats_.cancelled; break;
        case action::Settled::How::retried: ++stats_.retried; break;
        case action::Settled::How::dead_lettered: count_dead_letter(slots_[settled.slot]); break;
        case action::Settled::How::moved: ++stats_.moved; break;
        case action::Settled::How::repeated: ++stats_.repeated; break;
        case action::Settled::How::dropped: ++stats_.dropped; break;
    }
    slots_.release(settled.slot);
}

void Sidecar::perform(action::Commit& commit) {
    if (Subscription* subscription = holder(commit.assignment)) subscription->commit(commit);
}

void Sidecar::perform(action::Detach& detach) {
    HeldJob& job = slots_[detach.slot];
    job.record->detach();
    job.look_at_record();
    if (const auto headers = jobqueue::parse_job_headers(job.fields)) job.headers = *headers;  // else: unfit, as before
}

void Sidecar::perform(action::Release& release) {
    if (Subscription* subscription = holder(release.assignment)) subscription->release(release.assignment);
}

void Sidecar::perform(action::ReportUsage& usage) {
    if (!control_) return;
    letters_->tell_control(jobqueue::control_message(jobqueue::control::Usage{.pod = usage_name_,
                                                                              .partitions = usage.report.partitions,
                                                                              .has_demand = usage.report.has_demand,
                                                                              .at = clock_.now()}));
}

void Sidecar::perform(action::Probe&) { client_->probe(); }

void Sidecar::perform(action::Drained&) {
    if (closing_) return;
    closing_ = true;
    for (const auto& subscription : subscriptions_) subscription->close();
    schedule_turn();
}

Subscription* Sidecar::holder(AssignmentId assignment) {
    for (const auto& subscription : subscriptions_) {
        if (subscription->holds(assignment)) return subscription.get();
    }
    return nullptr;
}

// --- the app

void Sidecar::answered(http::JobClient::Token token, const http::Answer& answer) {
    const Time now = clock_.now();
    const std::size_t before = events_.size();
    exchanges_.answered(token, answer, now, events_);
    for (std::size_t i = before; i < events_.size(); ++i) {
        const auto* answered = std::get_if<event::Answered>(&events_[i]);
        if (answered == nullptr) continue;
        const Slot slot = slot_of(answered->lease);
        const Outcome::Verdict verdict = answered->outcome.verdict;
        if (verdict == Outcome::Verdict::not_delivered || verdict == Outcome::Verdict::aborted) continue;
        stats_.worker_time.add(now - slots_[slot].handed_over_at);
        hand_over_ends(slot);
    }
    schedule_refill();
}

void Sidecar::probed(bool reachable) {
    handle(event::WorkerProbed{reachable});
    schedule_refill();
}

void Sidecar::submit(const std::string& queue, const jobqueue::Submission& job, Submitted done) {
    const auto known = config_.queue_topics.find(queue);
    std::string topic = known != config_.queue_topics.end() ? known->second : config_.ns + "." + queue;
    if (topic == config_.topic && !config_.lanes.empty())
        topic = config_.lanes[jobqueue::lane_for(config_.lanes, job.priority)].topic;
    const std::uint64_t token = submit_flag | next_submit_++;
    const auto headers = jobqueue::submission_headers(job, clock_.now());
    const Result<void> queued =
        producer_->produce({.topic = topic,
                            .key = job.key ? std::optional<std::string_view>(*job.key) : std::nullopt,
                            .value = job.payload,
                            .headers = headers},
                           token);
    if (!queued) return done(tl::unexpected(queued.error()));
    submits_.emplace(token, std::move(done));
}

std::string Sidecar::new_job_id() { return jobqueue::new_job_id(clock_.now(), random_number()); }

// --- the end

void Sidecar::drain(std::function<void()> drained) {
    if (is_drained_) return boost::asio::post(io_, std::move(drained));
    drained_.push_back(std::move(drained));
    if (draining_) return;
    draining_ = begun_ = true;
    pulls_.answer_all();
    drain_limit_.expires_after(longest_hand_over(started_) + drain_grace);
    drain_limit_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        log::error("drain took too long: what is not finished goes to another pod", {});
        is_drained_ = true;
        for (auto& done : std::exchange(drained_, {})) done();
    });
    handle(event::Drain{});
    schedule_turn();
}

void Sidecar::finish_drain() {
    const bool left = std::ranges::all_of(subscriptions_, [](const auto& each) { return each->closed(); });
    if (!left || is_drained_ || producer_->in_flight() > 0) return;
    if (event_producer_ && event_producer_->in_flight() > 0) return;
    is_drained_ = true;
    drain_limit_.cancel();
    for (auto& done : std::exchange(drained_, {})) done();
}

Stats Sidecar::stats() const {
    Stats stats = stats_;
    stats.in_flight = engine_.in_flight();
    stats.held = engine_.held();
    stats.worker_reachable = engine_.worker_reachable();
    stats.joined = begun_ && std::ranges::all_of(subscriptions_, [](const auto& each) { return each->joined(); });
    stats.drained = is_drained_;
    stats.paused = paused_;
    stats.clock_offset = clock_.offset();
    stats.generation = config_.generation;
    stats.trouble = kafka_trouble_.empty() ? config_trouble_ : kafka_trouble_;
    if (!letters_->trouble().empty()) stats.trouble = letters_->trouble();
    if (control_ && !control_->trouble().empty()) stats.trouble = control_->trouble();
    if (const std::optional<BlockedKey> blocked = engine_.blocked_key()) {
        const HeldJob& job = slots_[blocked->slot];
        stats.blocked_job = "job " + job.id + ", key " + std::string(job.record->key().value_or("(none)")) + ": " +
                            std::to_string(blocked->waiting) + " jobs wait behind it";
    }
    for (const auto& subscription : subscriptions_) {
        stats.partitions += subscription->held();
        if (!subscription->trouble().empty()) stats.trouble = subscription->trouble();
    }
    return stats;
}

}  // namespace drover::sidecar
