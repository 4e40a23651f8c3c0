// Which keys of submits are known: idempotency keys and unique keys. Pure. Room: gateway/core.
//
// A claim comes before the submit, `accepted` or `withdraw` after it. What is accepted becomes a record of the
// compacted topic drover.gateway, key/<kind>/<queue>/<key>, from which the next gateway learns it: `apply`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/control.h"

namespace drover::gateway {

inline constexpr std::string_view key_record_prefix = "key/";

struct SubmitKey {
    enum class Kind { idempotency, unique };
    Kind kind = Kind::idempotency;
    std::string queue;  // <namespace>.<name>
    std::string key;
    auto operator<=>(const SubmitKey&) const = default;
};

class KeyBook {
public:
    enum class Answer {
        fresh,     // go on; the key is held until accepted() or withdraw()
        known,     // the job is there already
        conflict,  // another request came under this idempotency key
        busy,      // a request with this key is on its way
    };
    struct Claim {
        Answer answer = Answer::fresh;
        std::string job_id;  // of the one that has the key
    };

    // `fingerprint`: of the request; a unique key does not look at it.
    Claim claim(const SubmitKey& key, const std::string& job_id, std::uint64_t fingerprint, Time now);
    // The record to write. The key is known until `expires_at`.
    jobqueue::ControlMessage accepted(const SubmitKey& key, Time expires_at);
    void withdraw(const SubmitKey& key);
    // Forgets keys that are over; the keys of their records, for tombstones.
    std::vector<std::string> take_expired(Time now);

    // `invalid` where it is no key's record. Nothing as the value: a tombstone.
    Result<void> apply(std::string_view key, std::optional<std::string_view> value);

private:
    struct Entry {
        std::string job_id;
        std::uint64_t fingerprint = 0;
        std::optional<Time> expires_at;  // nothing: on its way
    };
    std::map<SubmitKey, Entry> entries_;
    std::set<std::pair<Time, SubmitKey>> ends_;  // of those that are accepted
};

}  // namespace drover::gateway
