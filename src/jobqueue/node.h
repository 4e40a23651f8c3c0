// A YAML or JSON document as a tree that remembers its lines. Bounded in depth and size, aliases included.
// Room: jobqueue, for its parsers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

struct Node;
using NodePtr = std::shared_ptr<const Node>;  // shared where an alias names it again

struct Node {
    enum class Kind {
        null,
        plain,  // an unquoted scalar: a boolean or a number where it reads as one, else a string
        text,   // a string, whatever it looks like
        sequence,
        mapping,
    };
    struct Entry {
        std::string key;
        int line = 0;
        NodePtr value;
    };

    Kind kind = Kind::null;
    int line = 0;                // from 1; 0 when unknown
    std::string text;            // of a scalar
    std::vector<NodePtr> items;  // of a sequence
    std::vector<Entry> entries;  // of a mapping, in order, each key once
    std::size_t weight = 0;      // of the tree below, with what aliases repeat
};

// What a plain scalar means, read as kubectl reads it: YAML 1.1, so `yes` is a boolean and 0644 is octal.
std::optional<bool> as_boolean(const Node& node);
std::optional<std::int64_t> as_integer(const Node& node);
std::optional<double> as_number(const Node& node);
// The string a node is; nothing for numbers and booleans without quotes.
std::optional<std::string_view> as_string(const Node& node);
// For messages: "the string 'x'", "a list", …
std::string describe(const Node& node);

nlohmann::json to_json(const Node& node);

// "spec" and "paused" give "spec.paused"; a key that is no plain word is put in brackets and quotes.
std::string child_path(const std::string& path, std::string_view key);

struct Documents {
    std::vector<NodePtr> documents;  // empty ones are left out
    std::vector<Problem> problems;   // the syntax, duplicate fields, limits
};

// Total: any bytes give documents or problems.
Documents read_yaml(std::string_view text, const std::string& file);
Documents read_json(std::string_view text, const std::string& file);

}  // namespace drover::jobqueue
