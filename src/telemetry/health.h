// What /healthz and /readyz answer: named checks, each with its reason. Room: telemetry. Pure.
//
// Live: the program can go on by itself; where it cannot, it is to be restarted. Ready: it does its work now. What is
// not live is not ready either.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drover::telemetry {

class Health {
public:
    enum class Kind { readiness, liveness };

    // A check passes or fails until it is set again. `reason` is for people, and needed where it fails.
    void set(std::string_view name, bool passes, std::string_view reason = "", Kind kind = Kind::readiness);
    void remove(std::string_view name);

    bool live() const;
    // With no check at all: not ready, nothing is known yet.
    bool ready() const;

    // {"live":true,"ready":false,"checks":{"kafka":{"ok":false,"kind":"readiness","reason":"no broker reachable"}}}
    std::string json() const;

private:
    struct Check {
        bool passes;
        std::string reason;
        Kind kind;
    };
    std::map<std::string, Check, std::less<>> checks_;
};

}  // namespace drover::telemetry
