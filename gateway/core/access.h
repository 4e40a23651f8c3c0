// Who may do what: tokens with roles on queues. Pure. Room: gateway/core.
//
//   tokens:
//   - name: shop-app                      # in the audit log
//     sha256: 9f86d081884c7d65…           # of the token, in hexadecimal; or `token`, as it is
//     roles: [submit, view]
//     queues: ["shop.*"]                  # <namespace>.<name>, '*' stands for any characters; default: all
//     expires: 2027-01-31T00:00:00Z       # default: never
//
// submit: submit jobs. view: see queues, jobs, payloads and results. operate: also retry, cancel, delete, pause, bulk
// operations, schedules. admin: also empty and clean queues, see the audit log. Each of view, operate and admin has
// what the ones before it have; submit stands beside them, and operate has it too.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/time.h"
#include "src/jobqueue/resource.h"

namespace drover::gateway {

enum class Role { submit, view, operate, admin };
std::string_view role_name(Role role);

struct AccessToken {
    std::string name;
    std::string sha256;
    std::vector<Role> roles;
    std::vector<std::string> queues{"*"};
    std::optional<Time> expires;
    bool operator==(const AccessToken&) const = default;
};

// '*' in `pattern` stands for any characters, none too. Linear in both, but for the number of stars.
bool matches_pattern(std::string_view pattern, std::string_view text);

class Access {
public:
    // Everybody may do everything, as "anonymous".
    static Access open() { return Access(); }

    struct Parsed;
    // YAML or JSON, as above; with every problem that it has.
    static Parsed parse(std::string_view text, const std::string& file);

    // Whose `authorization` header this is: "Bearer <token>". Null: of nobody, or it has expired.
    const AccessToken* bearer(std::string_view authorization, Time now) const;
    bool is_open() const { return open_; }
    std::size_t size() const { return tokens_.size(); }

    static const AccessToken& anonymous();

private:
    Access() = default;

    bool open_ = true;
    std::vector<AccessToken> tokens_;
};

struct Access::Parsed {
    Access access;
    std::vector<jobqueue::Problem> problems;  // `access` is only to be used when this is empty
};

// `queue` is <namespace>.<name>. Without one: on any queue.
bool may(const AccessToken& token, Role role, std::string_view queue);
bool may_somewhere(const AccessToken& token, Role role);

}  // namespace drover::gateway
