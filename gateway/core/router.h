// Finds what a method and a path ask for. Pure. Room: gateway/core.
//
// A pattern is a path of segments; {name} stands for one segment, or for what comes before a literal end such as
// {queue}/jobs:batch. Literal segments count before names. Paths are as they came: each segment is percent-decoded by
// itself, so that an id may have a slash.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover::gateway {

using PathParts = std::map<std::string, std::string, std::less<>>;

// Nothing where the path is not of the pattern; the names in it are added to `parts`.
bool matches_path(std::string_view pattern, std::string_view path, PathParts& parts);

template <class Target>
class Router {
public:
    struct Route {
        std::string_view method, pattern;
        Target target;
    };
    struct Found {
        const Route* route = nullptr;  // null: there is none
        PathParts parts;
        std::string allowed;  // without a route: the methods that the path has, "GET, POST"; "": no such path
    };

    void add(std::string_view method, std::string_view pattern, Target target) {
        routes_.push_back({method, pattern, std::move(target)});
    }

    // HEAD is asked like GET. Earlier routes count before later ones.
    Found find(std::string_view method, std::string_view path) const {
        Found found;
        for (const Route& route : routes_) {
            PathParts parts;
            if (!matches_path(route.pattern, path, parts)) continue;
            if (route.method == method || (route.method == "GET" && method == "HEAD")) {
                return {&route, std::move(parts), {}};
            }
            found.allowed.append(found.allowed.empty() ? "" : ", ").append(route.method);
        }
        return found;
    }

    const std::vector<Route>& routes() const { return routes_; }

private:
    std::vector<Route> routes_;
};

}  // namespace drover::gateway
