// Expected failures as values. Room: base. No thread, no domain.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace drover {

// What went wrong, for a person (`message`), for a decision (`code`, `retryable`).
struct Error {
    enum class Code {
        invalid,       // the input is wrong; trying again changes nothing
        not_found,     // the thing named does not exist
        conflict,      // somebody else was first: a stale epoch, lease or version
        unauthorized,  // refused for who we are
        unavailable,   // the other side cannot be reached or is not ready
        timeout,       // no answer in time; whether it took effect is unknown
        too_large,     // over a limit that is known beforehand
        internal,      // everything else, always with a message
    };
    Code code = Code::internal;
    std::string message;
    bool retryable = false;

    bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Error::Code code, std::string message, bool retryable = false) {
    return tl::unexpected<Error>(Error{code, std::move(message), retryable});
}

}  // namespace drover
