// The gateways that somebody works with, by name, as their file has them. Pure. Room: cli.
//
//   current: shop
//   contexts:
//   - name: shop
//     gateway: https://drover.shop.example
//     ca: /etc/ssl/shop.pem        # a PEM file; default: whom the system trusts
//     tokenFile: /home/ada/.shop   # or token
//     namespace: shop              # of queues that are named without one
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::cli {

struct Context {
    std::string name;
    std::string gateway;
    std::string ca;          // a file's path
    std::string token_file;  // a file's path
    std::string token;
    std::string ns;
    bool operator==(const Context&) const = default;
};

struct Contexts {
    std::string current;  // "": none
    std::vector<Context> list;

    const Context* find(std::string_view name) const;
    bool operator==(const Contexts&) const = default;
};

// "https://host:port", with a path where it has one; what is left out is filled in: http, and 4100 for http. `invalid`
// where it is none.
Result<std::string> gateway_address(std::string_view text);

struct ParsedContexts {
    Contexts contexts;
    std::vector<jobqueue::Problem> problems;  // `contexts` is only to be used when this is empty
};
// Total. An empty text has none.
ParsedContexts parse_contexts(std::string_view text, const std::string& file);
std::string to_yaml(const Contexts& contexts);

// `invalid`: its name or address is wrong. One of that name is replaced; the first one is the current one.
Result<void> add_context(Contexts& contexts, Context context);
// `not_found` names those that there are.
Result<void> use_context(Contexts& contexts, const std::string& name);
Result<void> remove_context(Contexts& contexts, const std::string& name);  // the current one too: then there is none

}  // namespace drover::cli
