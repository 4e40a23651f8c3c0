#include "gateway/core/access.h"

#include <algorithm>
#include <array>

#include "src/base/digest.h"
#include "src/jobqueue/field_reader.h"
#include "src/jobqueue/node.h"

namespace drover::gateway {
namespace {

using jobqueue::FieldReader;
using jobqueue::Node;

constexpr std::array<std::pair<std::string_view, Role>, 4> roles{
    {{"submit", Role::submit}, {"view", Role::view}, {"operate", Role::operate}, {"admin", Role::admin}}};

bool is_sha256(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

AccessToken read_token(FieldReader reader) {
    AccessToken token;
    std::string plain, expires;
    reader.require("name");
    reader.require("roles");
    reader.read_string("name", token.name);
    reader.read_string("sha256", token.sha256);
    reader.read_string("token", plain);
    reader.read_string("expires", expires);
    if (plain.empty() == token.sha256.empty()) {
        reader.complain("sha256", "or token has to be given, and not both");
    } else if (!plain.empty()) {
        token.sha256 = sha256_hex(plain);
    } else if (!is_sha256(token.sha256)) {
        reader.complain("sha256", "must be 64 hexadecimal digits in lower case");
    }
    std::vector<std::string> names;
    reader.read_texts("roles", names);
    for (const std::string& name : names) {
        const auto role = std::ranges::find(roles, name, &decltype(roles)::value_type::first);
        if (role == roles.end())
            reader.complain("roles", "must be of submit, view, operate and admin, not " + name);
        else
            token.roles.push_back(role->second);
    }
    reader.read_texts("queues", token.queues);
    if (!expires.empty()) {
        token.expires = parse_rfc3339(expires);
        if (!token.expires) reader.complain("expires", "must be a time such as 2027-01-31T00:00:00Z");
    }
    reader.refuse_unknown();
    return token;
}

int rank_of(Role role) { return static_cast<int>(role); }

bool has_role(const AccessToken& token, Role role) {
    return std::ranges::any_of(token.roles, [role](Role own) {
        if (role == Role::submit) return own == Role::submit || own == Role::operate || own == Role::admin;
        return own != Role::submit && rank_of(own) >= rank_of(role);
    });
}

}  // namespace

std::string_view role_name(Role role) { return roles.at(static_cast<std::size_t>(role)).first; }

bool matches_pattern(std::string_view pattern, std::string_view text) {
    std::size_t at = 0, star = pattern.npos, resume = 0, i = 0;
    while (at < text.size()) {
        if (i < pattern.size() && pattern[i] == '*') {
            star = i++;
            resume = at;
        } else if (i < pattern.size() && pattern[i] == text[at]) {
            ++i;
            ++at;
        } else if (star != pattern.npos) {
            i = star + 1;
            at = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', i) == pattern.npos;
}

Access::Parsed Access::parse(std::string_view text, const std::string& file) {
    Parsed parsed{.access = {}, .problems = {}};
    parsed.access.open_ = false;
    jobqueue::Documents documents = jobqueue::read_yaml(text, file);
    parsed.problems = std::move(documents.problems);
    jobqueue::Problems problems(file, parsed.problems);
    if (documents.documents.size() != 1) {
        problems.add(0, "", "must be one document with the field tokens");
        return parsed;
    }
    FieldReader reader(documents.documents.front().get(), "", problems);
    reader.require("tokens");
    reader.read_sequence("tokens", [&](const Node& item, const std::string& path) {
        parsed.access.tokens_.push_back(read_token(FieldReader(&item, path, problems)));
    });
    reader.refuse_unknown();
    return parsed;
}

const AccessToken* Access::bearer(std::string_view authorization, Time now) const {
    constexpr std::string_view scheme = "bearer ";
    const bool is_bearer = authorization.size() > scheme.size() &&
                           std::ranges::equal(authorization.substr(0, scheme.size()), scheme, [](char a, char b) {
                               return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
                           });
    if (!is_bearer) return nullptr;
    // Digests are compared, so how long that takes says nothing about a token.
    const std::string digest = sha256_hex(authorization.substr(scheme.size()));
    const auto token = std::ranges::find(tokens_, digest, &AccessToken::sha256);
    return token == tokens_.end() || (token->expires && *token->expires <= now) ? nullptr : &*token;
}

const AccessToken& Access::anonymous() {
    static const AccessToken token{.name = "anonymous", .sha256 = {}, .roles = {Role::admin}};
    return token;
}

bool may(const AccessToken& token, Role role, std::string_view queue) {
    return has_role(token, role) && std::ranges::any_of(token.queues, [queue](const std::string& pattern) {
               return matches_pattern(pattern, queue);
           });
}

bool may_somewhere(const AccessToken& token, Role role) { return has_role(token, role) && !token.queues.empty(); }

}  // namespace drover::gateway
