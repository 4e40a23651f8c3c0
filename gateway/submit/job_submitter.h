// Records on their way to Kafka, and to the spool on disk while Kafka is away. Room: gateway/submit.
//
// Owner thread: that of the executor, for every call and every callback; nothing blocks. A submit is accepted when all
// in-sync replicas have its record, or when the spool has it, synced. So nothing that was accepted is lost by a kill of
// the program at any moment.
//
// Kafka is away when a record was not acknowledged for `patience`, or when too much is in flight. Then all that is in
// flight is written to the spool, in order, and what is submitted from then on goes there at once: a client waits for
// `patience` only once. What was in flight stays with the producer, which goes on trying for ever: idempotence writes
// it once, and its acknowledgement settles the entry in the spool, too. The first acknowledgement of anything says that
// Kafka is back: the spool is relayed, in order, and new records queue up behind it. When all of the spool is with the
// producer, new records go to Kafka again: the producer keeps the order of each partition.
//
// What nobody waits for (Outgoing::unhurried) has a producer of its own, where it waits for others to go with. Out of
// the spool it goes with the rest, so that it has no order towards other records of its partition. What either producer
// hears of Kafka goes for both.
//
// Copies. A record is written twice only if it was in flight, and in the spool, when the program was killed, or when
// librdkafka had to be made anew: at most `most_in_flight` + `relay_window` records each time. They are counted
// (drover_gateway_possible_copies_total). A copy has the same id and goes to the same partition, unless partitions were
// added meanwhile, so that the sidecar recognises it (A16): a record without a key goes where the hash of its id says.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/submit/outgoing.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kafka/producer.h"
#include "src/kafka/settings.h"
#include "src/telemetry/metrics.h"

namespace drover::gateway {

struct Accepted {
    bool spooled = false;                      // it is in the spool; else
    std::optional<kafka::Acknowledged> place;  // where it stands
};

class JobSubmitter {
public:
    struct Options {
        kafka::Settings kafka;
        std::string spool_folder;                  // is created; "": no spool, and a submit fails after `patience`
        std::uint64_t spool_limit = 1ull << 30;    // bytes on disk
        std::chrono::milliseconds patience{2000};  // for an acknowledgement
        std::chrono::milliseconds linger{20};      // of what nobody waits for; shorter than patience
        std::size_t most_in_flight = 20'000;       // more than that is spooled
        std::size_t relay_window = 1000;           // relayed, and not yet noted as such on disk
    };

    // Once, never within submit(). Errors:
    //   unavailable  Kafka is away, and the spool is full or cannot be written: nothing was accepted; later again
    //   timeout      the same of a record that is in flight already: it may still be written
    //   not_found    there is no such topic
    //   too_large, invalid, unauthorized  the broker refuses it
    using Done = std::function<void(Result<Accepted>)>;

    // What a probe, the dashboard and alerts want to know.
    struct Health {
        std::optional<Time> kafka_away_since;
        std::string kafka_trouble;  // the last one, while it is away
        std::uint64_t spooled_records = 0;
        std::uint64_t spooled_bytes = 0;  // on disk
        std::optional<Time> oldest_spooled;
        std::string spool_trouble;  // why the spool took no entry; "" since it took one, or let go of some
        std::uint64_t in_flight = 0;
        std::uint64_t damaged = 0;  // entries that could not be read, in quarantine, since the start
        std::uint64_t refused = 0;  // accepted records that Kafka refused for good, kept in the spool's folder
    };

    // An Error where the settings are wrong, or where the spool cannot be used: a folder that is not writable, or that
    // another process has. Kafka may be away. What is in the spool is relayed at once. `metrics` outlives it.
    static Result<std::unique_ptr<JobSubmitter>> create(Options options, boost::asio::any_io_executor owner,
                                                        telemetry::Metrics& metrics);
    // Calls nothing. What is unanswered is not accepted; in the spool it is safe all the same.
    ~JobSubmitter();

    void submit(Outgoing record, Done done);

    // No new ones are taken. What is in flight is waited for, at most for `patience`, and spooled then; `stopped` comes
    // when everything has been answered and the spool says what was relayed.
    void stop(std::function<void()> stopped);

    Health health() const;

private:
    class Machine;
    explicit JobSubmitter(std::unique_ptr<Machine> machine);
    std::unique_ptr<Machine> machine_;
};

}  // namespace drover::gateway
