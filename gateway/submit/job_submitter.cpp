#include "gateway/submit/job_submitter.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "gateway/submit/spool.h"
#include "gateway/submit/spooled_record.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto tick = 100ms;
constexpr auto missing_topic_patience = 60s;  // for records that were accepted: the topic may be made anew
constexpr std::size_t read_bytes = 4 << 20;
constexpr std::size_t relay_bytes = 32 << 20;  // with the producer at a time

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::optional<std::string_view> view(const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

}  // namespace

class JobSubmitter::Machine {
public:
    Machine(Options options, const boost::asio::any_io_executor& owner, telemetry::Metrics& metrics)
        : options_(std::move(options)),
          ready_event_(owner, wakeup_.fd()),
          timer_(owner),
          answers_total_{
              metrics.counter("drover_gateway_records_total", "Records by what became of them", {{"outcome", "kafka"}}),
              metrics.counter("drover_gateway_records_total", "Records by what became of them", {{"outcome", "spool"}}),
              metrics.counter("drover_gateway_records_total", "Records by what became of them",
                              {{"outcome", "error"}})},
          relayed_total_(metrics.counter("drover_gateway_relayed_total", "Records of the spool that Kafka has")),
          copies_total_(metrics.counter("drover_gateway_possible_copies_total",
                                        "Records given to Kafka again, which may have had them already")),
          refused_total_(metrics.counter("drover_gateway_refused_total",
                                         "Accepted records that Kafka refused for good, kept in the spool's folder")),
          damaged_gauge_(metrics.gauge("drover_gateway_spool_damaged", "Places in the spool that cannot be read")),
          away_gauge_(metrics.gauge("drover_gateway_kafka_away", "1 while Kafka takes no records")),
          records_gauge_(metrics.gauge("drover_gateway_spool_records", "Records that wait for Kafka on disk")),
          bytes_gauge_(metrics.gauge("drover_gateway_spool_bytes", "Size of the spool")),
          oldest_gauge_(metrics.gauge("drover_gateway_spool_oldest_seconds", "Age of the oldest record in the spool")) {
    }

    ~Machine() {
        spool_.reset();
        ready_event_.release();  // the wake-up closes its own descriptor
    }

    Result<void> begin(const boost::asio::any_io_executor& owner) {
        // A missing topic is told before patience ends, so that it is not taken for a Kafka that is away.
        const auto missing = std::max<std::chrono::milliseconds>(options_.patience / 2, 1ms);
        // What is unanswered at the end is not accepted, or in the spool: nothing is flushed.
        kafka::Patience patience{.delivery = 0ms, .missing_topic = missing, .partition_keys = true, .flush = 0ms};
        auto unhurried = kafka::Producer::create(options_.kafka, wakeup_, options_.linger, patience);
        if (!unhurried) return tl::unexpected(unhurried.error());
        patience.requests_in_flight = 1;
        auto hurried = kafka::Producer::create(options_.kafka, wakeup_, 0ms, patience);
        if (!hurried) return tl::unexpected(hurried.error());
        unhurried_ = std::move(*unhurried);
        hurried_ = std::move(*hurried);
        if (!options_.spool_folder.empty()) {
            auto folder = open_folder(options_.spool_folder);
            if (!folder) return tl::unexpected(folder.error());
            auto log = SpoolLog::open(std::move(*folder), {.limit = options_.spool_limit});
            if (!log) return tl::unexpected(log.error());
            spool_.emplace(std::move(*log), owner);
            unread_ = old_unread_ = spool_->found();
            remaining_ = spool_->found();
            next_unread_ = marked_ = spool_->relayed();
            tried_ = marked_;  // nothing is relayed before the next mark
            first_new_ = next_number_ = spool_->next_number();
            if (remaining_ > 0) {
                log::info("the spool has records to relay", {{"records", remaining_}, {"bytes", spool_->bytes()}});
                fall_away("not asked yet");
            }
        }
        wait();
        on_tick();
        return {};
    }

    void submit(Outgoing record, Done done) {
        if (stopped_) return later(std::move(done), {Error::Code::unavailable, "the gateway stops", true});
        const std::uint64_t serial = ++last_serial_;
        Item& item = items_.emplace(serial, Item{.record = std::move(record), .done = std::move(done)}).first->second;
        ++pending_;
        Topic& topic = topics_[item.record.topic];
        if (!queues(topic)) {
            Result<void> produced = room();
            if (produced) produced = produce(serial, item);
            if (produced) {
                if (topic.slow) copy_to_spool(serial, item);
                return;
            }
            if (!produced.error().retryable || !spool_) {
                answer(item, tl::unexpected(produced.error()));
                items_.erase(serial);
                return post_finish();
            }
            fall_away(produced.error().message);
        }
        item.where = Where::waiting;
        topic.waiting.push_back(serial);
        copy_to_spool(serial, item);
    }

    void stop(std::function<void()> stopped) {
        stopped_ = std::move(stopped);
        post_finish();
    }

    Health health() const {
        Health health{.kafka_away_since = away_since_,
                      .kafka_trouble = away_since_ ? trouble_ : "",
                      .spooled_records = remaining_,
                      .spooled_bytes = spool_ ? spool_->bytes() : 0,
                      .spool_trouble = spool_trouble_,
                      .in_flight = in_flight_,
                      .damaged = spool_ ? spool_->damaged() : 0,
                      .refused = refused_};
        if (!known_.empty()) health.oldest_spooled = known_.begin()->second.at;
        return health;
    }

private:
    enum class Where {
        with_producer,
        waiting,  // to be written to the spool first
        redo,     // the producer gave it back
        written,  // or refused; its copy is still being written to the spool
    };
    struct Item {
        Outgoing record;
        Done done{};  // empty: it has been answered
        Where where = Where::with_producer;
        Clock::time_point produced_at{};
        std::optional<SpoolNumber> number{};  // in the spool
        Time at{};                            // when that was
        bool copying = false;                 // to the spool
        std::optional<Clock::time_point> missing_since{};
        std::size_t bytes = 0;
    };
    struct Topic {
        std::uint64_t unproduced = 0;         // in the spool only
        std::deque<std::uint64_t> waiting{};  // on their way there, in order
        bool slow = false;                    // it takes nothing, though Kafka is there: records go both ways
    };
    struct Known {  // an entry of the spool that Kafka has not acknowledged
        Time at{};
        Topic* topic = nullptr;  // where only the spool has it
    };
    struct Ready {
        SpoolNumber number = 0;
        Time at{};
        SpooledRecord spooled;
    };

    // --- towards Kafka

    kafka::Producer* producer_of(const Outgoing& record) const {
        return record.unhurried ? unhurried_.get() : hurried_.get();
    }

    bool old_left() const { return old_unread_ > 0 || (!ready_.empty() && ready_.front().number < first_new_); }

    // Whether something of the topic is still to be given to the producer.
    bool queues(const Topic& topic) const {
        return away_since_ || old_left() || !redo_.empty() || topic.unproduced > 0 || !topic.waiting.empty();
    }

    Result<void> room() const {
        if (in_flight_ < options_.most_in_flight) return {};
        return failure(Error::Code::unavailable, "Kafka does not keep up with what is submitted", true);
    }

    Result<void> produce(std::uint64_t serial, Item& item) {
        const auto id = item.record.id.empty() ? std::nullopt : std::optional<std::string_view>(item.record.id);
        Result<void> produced = producer_of(item.record)
                                    ->produce({.topic = item.record.topic,
                                               .key = view(item.record.key),
                                               .value = view(item.record.value),
                                               .headers = item.record.headers,
                                               .partition_key = id},
                                              serial & 0xffff'ffff);
        if (!produced) return produced;
        item.where = Where::with_producer;
        item.produced_at = Clock::now();
        item.bytes = item.record.value ? item.record.value->size() : 0;
        ++in_flight_;
        bytes_in_flight_ += item.bytes;
        arm();
        return {};
    }

    std::uint64_t serial_of(std::uint64_t token) const { return last_serial_ - ((last_serial_ - token) & 0xffff'ffff); }

    void delivered(const kafka::Delivery& delivery) {
        const std::uint64_t serial = serial_of(delivery.token);
        Item& item = items_.at(serial);
        --in_flight_;
        bytes_in_flight_ -= item.bytes;
        if (delivery.outcome) {
            last_answer_ = Clock::now();
            topics_[item.record.topic].slow = false;
            come_back();
            answer(item, Accepted{.place = *delivery.outcome});
            return settle(serial, item);
        }
        const Error& error = delivery.outcome.error();
        if (!error.retryable) return refused(serial, item, error);
        trouble_ = error.message;
        const bool accepted = item.number || (spool_ && (item.done || item.copying));
        if (!accepted) {
            answer(item, tl::unexpected(error));
            items_.erase(serial);
            return;
        }
        give_back(serial, item);
        if (!item.copying && !item.number) copy_to_spool(serial, item);  // before those that came after it
        fall_away(error.message);
    }

    void give_back(std::uint64_t serial, Item& item) {
        item.where = Where::redo;
        redo_.insert(serial);
    }

    void refused(std::uint64_t serial, Item& item, const Error& error) {
        last_answer_ = Clock::now();
        if (item.done || !item.number) {
            answer(item, tl::unexpected(error));
            return settle(serial, item);
        }
        // It was accepted, so it is not dropped lightly.
        if (!item.missing_since) item.missing_since = Clock::now();
        const bool may_heal =
            error.code == Error::Code::unauthorized ||
            (error.code == Error::Code::not_found && Clock::now() - *item.missing_since < missing_topic_patience);
        if (may_heal) {
            trouble_ = error.message;
            redo_at_ = Clock::now() + 1s;
            return give_back(serial, item);
        }
        log::error("Kafka refuses a record that was accepted; it is kept in the spool's folder, in the file refused",
                   {{"topic", item.record.topic}, {"id", item.record.id}, {"error", error.message}});
        item.where = Where::written;
        keep_refused(serial);
    }

    void keep_refused(std::uint64_t serial) {
        Item& item = items_.at(serial);
        spool_->refuse({.number = *item.number, .at = item.at, .bytes = write_spooled_record(item.record, true)},
                       [this, serial](const Result<void>& kept) {
                           if (!kept) {
                               spool_trouble_ = kept.error().message;
                               unkept_.push_back(serial);  // with the next tick
                               return arm();
                           }
                           ++refused_;
                           refused_total_.add();
                           settle(serial, items_.at(serial));
                           finish();
                       });
    }

    // Kafka has it, or refused it: its entry in the spool is done, once it has one.
    void settle(std::uint64_t serial, Item& item) {
        if (item.copying) {
            item.where = Where::written;
            return;
        }
        if (item.number) forget_entry(*item.number);
        items_.erase(serial);
    }

    void forget_entry(SpoolNumber number) {
        known_.erase(number);
        --remaining_;
        relayed_total_.add();
    }

    void fall_away(const std::string& why) {
        if (!spool_) return;
        if (!away_since_) {
            away_since_ = now();
            last_probe_ = Clock::now();
            if (trouble_.empty()) trouble_ = why;
            log::warn("Kafka is away: records go to the spool", {{"reason", why}, {"last_trouble", trouble_}});
        }
        copy_all([](const Item&) { return true; });
        arm();
    }

    void come_back() {
        if (!away_since_) return;
        log::info("Kafka is back", {{"spooled", remaining_}});
        away_since_.reset();
        trouble_.clear();
    }

    // --- towards the spool

    template <class Which>
    void copy_all(const Which& which) {
        for (auto& [serial, item] : items_) {
            const bool only_there = item.where == Where::with_producer && item.done && !item.copying && !item.number;
            if (only_there && which(item)) copy_to_spool(serial, item);
        }
    }

    void copy_to_spool(std::uint64_t serial, Item& item) {
        item.copying = true;
        item.at = now();
        // While Kafka is there, it may get the record before the spool has it.
        const bool tried = item.where != Where::waiting || !away_since_;
        spool_->append(write_spooled_record(item.record, tried), item.at,
                       [this, serial](const Result<SpoolNumber>& number) {
                           copied(serial, number);
                           finish();
                       });
        arm();
    }

    void copied(std::uint64_t serial, const Result<SpoolNumber>& number) {
        Item& item = items_.at(serial);
        item.copying = false;
        Topic& topic = topics_[item.record.topic];
        const bool waits = item.where == Where::waiting;
        if (waits) topic.waiting.pop_front();  // the spool answers in order
        if (number) {
            spool_trouble_.clear();
            next_number_ = *number + 1;
            ++unread_;
            ++remaining_;
            known_.emplace(*number, Known{item.at, waits ? &topic : nullptr});
            item.number = *number;
            answer(item, Accepted{.spooled = true});
            if (waits) ++topic.unproduced;
            if (item.where == Where::written) forget_entry(*number);
            if (waits || item.where == Where::written) items_.erase(serial);
            return;
        }
        if (spool_trouble_ != number.error().message) {
            log::error("the spool takes no records", {{"error", number.error().message}});
        }
        spool_trouble_ = number.error().message;
        if (waits) {
            answer(item, tl::unexpected(number.error()));
        } else {
            answer(item, failure(Error::Code::timeout, "Kafka does not answer, and " + spool_trouble_, true));
        }
        if (item.where == Where::with_producer) return;  // until it is delivered
        redo_.erase(serial);
        items_.erase(serial);
    }

    // --- from the spool to Kafka

    void pump() {
        if (!spool_) return;
        if (!redo_.empty()) {
            if (are_coming_back() || Clock::now() < redo_at_) return arm();
            if (!produce_again()) return arm();
        }
        read();
        while (!ready_.empty() && may_relay()) {
            if (!relay(ready_.front())) break;
            ready_.pop_front();
        }
        read();
        if (away_since_ && in_flight_ == 0 && remaining_ == 0 && nothing_waits()) come_back();
        if (!away_since_ && redo_.empty() && !old_left()) {
            for (auto& [name, topic] : topics_) {
                if (topic.unproduced == 0) produce_waiting(topic);
            }
        }
        mark();
    }

    bool nothing_waits() const {
        return std::ranges::all_of(topics_, [](const auto& each) { return each.second.waiting.empty(); });
    }

    // More of what a producer gives back, all of which is to keep its order.
    bool are_coming_back() {
        return std::ranges::any_of(
            redo_, [this](std::uint64_t serial) { return producer_of(items_.at(serial).record)->in_flight() > 0; });
    }

    // In the order in which they were first.
    bool produce_again() {
        std::vector<std::pair<SpoolNumber, std::uint64_t>> order;
        for (const std::uint64_t serial : redo_) {
            order.emplace_back(items_.at(serial).number.value_or(std::numeric_limits<SpoolNumber>::max()), serial);
        }
        std::ranges::sort(order);
        for (const auto& [number, serial] : order) {
            if (!produce(serial, items_.at(serial))) return false;
            redo_.erase(serial);
            copies_total_.add();
        }
        return true;
    }

    // While Kafka is away, one record after the other goes out to ask whether it is back: the first may be of a topic
    // that alone takes nothing.
    bool may_relay() {
        if (ready_.front().number >= tried_ || bytes_in_flight_ > relay_bytes || !room()) return false;
        if (!away_since_ || in_flight_ == 0) return true;
        if (Clock::now() - last_probe_ < options_.patience) return false;
        last_probe_ = Clock::now();
        return true;
    }

    bool relay(Ready& ready) {
        const std::uint64_t serial = ++last_serial_;
        Item item{.record = std::move(ready.spooled.record), .number = ready.number, .at = ready.at};
        Item& kept = items_.emplace(serial, std::move(item)).first->second;
        const Result<void> produced = produce(serial, kept);
        if (!produced && produced.error().retryable) {
            ready.spooled.record = std::move(kept.record);
            items_.erase(serial);
            return false;
        }
        Known& known = known_.at(ready.number);
        if (known.topic != nullptr) --std::exchange(known.topic, nullptr)->unproduced;
        const bool may_be_copy =
            ready.number < first_new_ && (ready.spooled.tried || ready.number < spool_->tried_before());
        if (may_be_copy) copies_total_.add();
        if (!produced) refused(serial, kept, produced.error());
        return true;
    }

    void produce_waiting(Topic& topic) {
        while (!topic.waiting.empty() && room()) {
            const std::uint64_t serial = topic.waiting.front();
            Item& item = items_.at(serial);
            const Result<void> produced = produce(serial, item);
            if (!produced && produced.error().retryable) return;
            topic.waiting.pop_front();
            if (produced) continue;
            answer(item, tl::unexpected(produced.error()));
            settle(serial, item);
        }
    }

    void read() {
        if (reading_ || unread_ == 0 || ready_.size() >= options_.relay_window) return;
        reading_ = true;
        spool_->read(read_bytes, [this, end = next_number_, unread = unread_](Result<std::vector<SpoolEntry>> entries) {
            reading_ = false;
            if (!entries) {
                spool_trouble_ = entries.error().message;
                return arm();
            }
            for (SpoolEntry& entry : *entries) take(std::move(entry));
            if (entries->empty()) {
                unread_ -= std::min(unread_, unread);
                miss_before(end);
            }
            finish();
        });
    }

    void take(SpoolEntry entry) {
        if (entry.number < next_unread_) return;  // done meanwhile
        miss_before(entry.number);
        next_unread_ = entry.number + 1;
        if (unread_ > 0) --unread_;
        const bool old = entry.number < first_new_;
        if (old) {
            if (old_unread_ > 0) --old_unread_;
            known_.emplace(entry.number, Known{entry.at, nullptr});
        } else {
            const auto known = known_.find(entry.number);
            if (known == known_.end() || known->second.topic == nullptr) return;  // Kafka has it, or the producer
        }
        Result<SpooledRecord> spooled = parse_spooled_record(entry.bytes);
        if (spooled) return ready_.push_back({entry.number, entry.at, std::move(*spooled)});
        log::error("an entry of the spool cannot be understood; it is kept in the spool's folder, in the file refused",
                   {{"number", entry.number}, {"error", spooled.error().message}});
        const SpoolNumber number = entry.number;
        spool_->refuse(std::move(entry), [this, number](const Result<void>& kept) {
            if (!kept) {
                spool_trouble_ = kept.error().message;  // it stays in its segment until the next start
                return;
            }
            ++refused_;
            refused_total_.add();
            forget_entry(number);
            finish();
        });
    }

    // Entries that were safe once, and that the spool does not find any more. It has said so, and kept the bytes.
    void miss_before(SpoolNumber end) {
        if (end >= first_new_ && old_unread_ > 0) {
            remaining_ -= old_unread_;
            old_unread_ = 0;
        }
        for (auto each = known_.lower_bound(std::max(next_unread_, first_new_));
             each != known_.end() && each->first < end;) {
            if (each->second.topic == nullptr) {
                ++each;
                continue;
            }
            --each->second.topic->unproduced;
            --remaining_;
            each = known_.erase(each);
        }
        next_unread_ = std::max(next_unread_, end);
    }

    // Everything below is done.
    SpoolNumber low() const {
        SpoolNumber low = known_.empty() ? next_number_ : known_.begin()->first;
        if (old_unread_ > 0) low = std::min(low, next_unread_);
        return low;
    }

    void mark() {
        if (marking_) return arm();
        const SpoolNumber low = this->low();
        const bool blocked = !ready_.empty() && ready_.front().number >= tried_ && low + options_.relay_window > tried_;
        const bool due = low > marked_ && (low - marked_ >= options_.relay_window / 2 || remaining_ == 0 ||
                                           Clock::now() - last_mark_ > tick || finishing_);
        if (!blocked && !due) {
            if (low > marked_) arm();
            return;
        }
        marking_ = true;
        last_mark_ = Clock::now();
        // The last entry is done, and nobody has to find those again that the producer had anyway.
        if (known_.empty() && old_unread_ == 0) {
            unread_ = 0;
            next_unread_ = next_number_;
        }
        const SpoolNumber tried = remaining_ > 0 ? low + options_.relay_window : low;
        spool_->mark(low, tried, [this, low, tried](const Result<void>& marked) {
            marking_ = false;
            if (marked) {
                if (low > marked_) spool_trouble_.clear();  // it can be written, and what was relayed has made room
                marked_ = low;
                tried_ = std::max(tried_, tried);
            } else {
                spool_trouble_ = marked.error().message;
                if (finishing_) return say_stopped();
                return arm();  // again
            }
            finish();
        });
    }

    // --- turns

    void later(Done done, Error error) {
        answers_.emplace_back(std::move(done), tl::unexpected(std::move(error)));
        post_finish();
    }

    void answer(Item& item, Result<Accepted> result) {
        if (!item.done) return;
        --pending_;
        answers_total_[!result ? 2 : result->spooled ? 1 : 0].add();
        answers_.emplace_back(std::exchange(item.done, nullptr), std::move(result));
    }

    void post_finish() {
        boost::asio::post(timer_.get_executor(), [this, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) finish();
        });
    }

    // The end of every turn: what changed may let something go on, and answers may come back here.
    void finish() {
        pump();
        const std::weak_ptr<int> alive = alive_;
        while (!answers_.empty()) {
            for (auto& [done, result] : std::exchange(answers_, {})) {
                done(std::move(result));
                if (alive.expired()) return;
            }
        }
        if (!stopped_ || pending_ > 0 || finishing_) return;
        finishing_ = true;
        if (!spool_) return say_stopped();
        spool_->mark(low(), 0, [this](const Result<void>&) { say_stopped(); });
    }

    void say_stopped() {
        if (!stopped_ || said_) return;
        said_ = true;
        stopped_();
    }

    void wait() {
        ready_event_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                [this](boost::system::error_code error) {
                                    if (error) return;
                                    wakeup_.clear();
                                    wait();
                                    turn();
                                });
    }

    void turn() {
        for (kafka::Producer* producer : {hurried_.get(), unhurried_.get()}) {
            for (const kafka::Delivery& delivery : producer->poll()) delivered(delivery);
            for (const kafka::ClientError& each : producer->troubles()) {
                trouble_ = each.error.message;
                if (each.fatal) log::error("the producer cannot be made anew", {{"error", trouble_}});
            }
        }
        finish();
    }

    // Ticks as long as there is something to wait for.
    void arm() {
        if (std::exchange(armed_, true)) return;
        timer_.expires_after(tick);
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            armed_ = false;
            on_tick();
        });
    }

    void on_tick() {
        look_at_the_clock();
        for (const std::uint64_t serial : std::exchange(unkept_, {})) keep_refused(serial);
        show_figures();
        turn();
        if (!items_.empty() || remaining_ > 0 || away_since_) arm();
    }

    void look_at_the_clock() {
        const auto now = Clock::now();
        const bool silent = now - last_answer_ > options_.patience;
        std::set<std::string> slow;
        for (auto& [serial, item] : items_) {
            if (item.where != Where::with_producer) continue;
            if (now - item.produced_at <= options_.patience) continue;
            if (!spool_) {
                answer(item, failure(Error::Code::timeout, "Kafka does not answer", true));
            } else if (silent) {
                return fall_away("no record was acknowledged for " + std::to_string(options_.patience.count()) + " ms");
            } else if (item.done) {
                slow.insert(item.record.topic);
            }
        }
        for (const std::string& name : slow) {
            if (!std::exchange(topics_[name].slow, true)) {
                log::warn("a topic takes no records, which go to the spool too", {{"topic", name}});
            }
        }
        if (!slow.empty()) copy_all([&](const Item& item) { return slow.contains(item.record.topic); });
    }

    void show_figures() {
        away_gauge_.set(away_since_ ? 1 : 0);
        records_gauge_.set(static_cast<double>(remaining_));
        if (!spool_) return;
        bytes_gauge_.set(static_cast<double>(spool_->bytes()));
        damaged_gauge_.set(static_cast<double>(spool_->damaged()));
        const auto age = known_.empty() ? Duration(0) : now() - known_.begin()->second.at;
        oldest_gauge_.set(std::chrono::duration<double>(age).count());
    }

    Options options_;
    kafka::Wakeup wakeup_;
    boost::asio::posix::stream_descriptor ready_event_;
    boost::asio::steady_timer timer_;
    bool armed_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
    std::unique_ptr<kafka::Producer> hurried_, unhurried_;
    std::optional<Spool> spool_;

    std::map<std::uint64_t, Item> items_;  // by serial number, so in the order in which they came
    std::uint64_t last_serial_ = 0;
    std::size_t pending_ = 0;  // without their answer
    std::map<std::string, Topic> topics_;
    std::size_t in_flight_ = 0, bytes_in_flight_ = 0;
    std::set<std::uint64_t> redo_;
    Clock::time_point redo_at_{};
    std::vector<std::uint64_t> unkept_;
    std::vector<std::pair<Done, Result<Accepted>>> answers_;

    std::optional<Time> away_since_;
    std::string trouble_, spool_trouble_;
    Clock::time_point last_answer_{}, last_probe_{}, last_mark_{};

    std::map<SpoolNumber, Known> known_;
    std::deque<Ready> ready_;  // read, and not with the producer yet
    std::uint64_t remaining_ = 0, unread_ = 0, old_unread_ = 0, refused_ = 0;
    SpoolNumber first_new_ = 1;    // below are entries of an earlier process
    SpoolNumber next_number_ = 1;  // after all that are known to be safe
    SpoolNumber next_unread_ = 1, marked_ = 1, tried_ = 1;
    bool reading_ = false, marking_ = false;

    std::function<void()> stopped_;
    bool finishing_ = false, said_ = false;

    telemetry::Counter answers_total_[3];
    telemetry::Counter relayed_total_, copies_total_, refused_total_;
    telemetry::Gauge damaged_gauge_, away_gauge_, records_gauge_, bytes_gauge_, oldest_gauge_;
};

Result<std::unique_ptr<JobSubmitter>> JobSubmitter::create(Options options, boost::asio::any_io_executor owner,
                                                           telemetry::Metrics& metrics) {
    auto machine = std::make_unique<Machine>(std::move(options), owner, metrics);
    if (auto begun = machine->begin(owner); !begun) return tl::unexpected(begun.error());
    return std::unique_ptr<JobSubmitter>(new JobSubmitter(std::move(machine)));
}

JobSubmitter::JobSubmitter(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
JobSubmitter::~JobSubmitter() = default;
void JobSubmitter::submit(Outgoing record, Done done) { machine_->submit(std::move(record), std::move(done)); }
void JobSubmitter::stop(std::function<void()> stopped) { machine_->stop(std::move(stopped)); }
JobSubmitter::Health JobSubmitter::health() const { return machine_->health(); }

}  // namespace drover::gateway
