// The query of a request's target: a=1&b=x%20y. Pure. Room: gateway/core.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

class Query {
public:
    // Percent-encoded, '+' is a space; of a repeated name the last counts. `invalid`: an escape is not two hex digits.
    static Result<Query> parse(std::string_view text);

    bool has(std::string_view name) const { return values_.contains(name); }
    std::string_view get(std::string_view name) const;  // "" where it is not there
    // `fallback` where it is not there; `invalid` names it where it is no whole number from `least` to `most`.
    Result<std::int64_t> number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                std::int64_t most) const;
    // The same of a duration such as 90s; from a minute to `most`, as stretches of the past are asked for.
    Result<Duration> window(std::string_view name, Duration fallback, Duration most) const;
    const std::map<std::string, std::string, std::less<>>& all() const { return values_; }

private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace drover::gateway
