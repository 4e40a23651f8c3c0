// One request on its way through a route. Room: gateway.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/access.h"
#include "gateway/core/query.h"
#include "gateway/core/queue_directory.h"
#include "gateway/core/router.h"
#include "src/base/result.h"
#include "src/base/time.h"
#include "src/http/server.h"

namespace drover::gateway {

// The RFC 9457 problem of an error, by its code: 400, 404, 409, 403, 503, 504, 413 or 500.
http::Response problem_of(const Error& error);

struct Call {
    http::Request request;
    PathParts parts;
    Query query;
    AccessToken who;
    Time now{};
    std::shared_ptr<const KnownQueue> queue;  // of {queue} in the path
    std::string reason;                       // that the caller gave, for the audit log
    http::Server::Reply reply;

    const std::string& part(std::string_view name) const { return parts.find(name)->second; }
    bool may(Role role, std::string_view queue_name) const { return gateway::may(who, role, queue_name); }

    void answer(int status, const nlohmann::ordered_json& json) const;
    void refuse(const Error& error) const { reply(problem_of(error)); }
};

// Calls are moved; what is held for an answer that comes later is a shared one.
using SharedCall = std::shared_ptr<Call>;
using CallHandler = std::function<void(SharedCall)>;

struct RouteTarget {
    // On {queue}; where the path has none, somewhere: the handler has to look closer. Nothing: any token will do.
    std::optional<Role> role;
    CallHandler handle;
};
using Routes = Router<RouteTarget>;

}  // namespace drover::gateway
