// The spool's thread: one sync for all that came while the last one ran. Room: gateway/submit.
//
// Owner thread: that of the executor, for every call and every callback. Callbacks come in the order of the calls of
// their kind, and none after the destructor, which finishes what was asked for.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "gateway/submit/spool_log.h"

namespace drover::gateway {

class Spool {
public:
    template <class T>
    using Then = std::function<void(Result<T>)>;

    Spool(std::unique_ptr<SpoolLog> log, boost::asio::any_io_executor owner);
    ~Spool();

    // As it was opened.
    std::uint64_t found() const { return found_; }
    SpoolNumber tried_before() const { return tried_before_; }
    SpoolNumber relayed() const { return relayed_; }
    SpoolNumber next_number() const { return next_number_; }

    // `then` has its number, once it is safe.
    void append(std::string bytes, Time at, Then<SpoolNumber> then);
    // The next ones. Every entry that `append` has answered before this call is among what can be read.
    void read(std::size_t bytes, Then<std::vector<SpoolEntry>> then);
    void mark(SpoolNumber relayed, SpoolNumber tried, Then<void> then);
    void refuse(SpoolEntry entry, Then<void> then);

    std::uint64_t bytes() const { return bytes_; }      // on disk, as of the last answer
    std::uint64_t damaged() const { return damaged_; }  // places, since it was opened

private:
    class Worker;
    std::uint64_t found_;
    SpoolNumber tried_before_, relayed_, next_number_;
    std::uint64_t bytes_ = 0, damaged_ = 0;
    std::shared_ptr<Spool*> alive_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace drover::gateway
