// Reads the fields of one mapping into a struct, and says everything that is wrong with them. Room: jobqueue, for its
// parsers.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/jobqueue/names.h"
#include "src/jobqueue/node.h"

namespace drover::jobqueue {

// Where problems are collected.
class Problems {
public:
    Problems(std::string file, std::vector<Problem>& list) : file_(std::move(file)), list_(list) {}
    void add(int line, const std::string& path, const std::string& message);

private:
    std::string file_;
    std::vector<Problem>& list_;
};

// Every read_* leaves `out` as it is when the field is absent, null or wrong, and adds a problem in the last case.
// Borrows the node and the problems.
class FieldReader {
public:
    // `node` may be null: then no field is there. One that is no mapping is a problem, and has no field either.
    FieldReader(const Node* node, std::string path, Problems& problems);

    const Node* find(std::string_view name);  // null when absent or null; makes the name known
    void accept(std::initializer_list<std::string_view> names);
    void require(std::string_view name);  // a problem when it is absent or null

    void read_string(std::string_view name, std::string& out, Complaint (*check)(std::string_view) = nullptr);
    void read_boolean(std::string_view name, bool& out);
    void read_number(std::string_view name, double& out, double least, double most);
    void read_duration(std::string_view name, Duration& out, Duration least, Duration most);
    void read_size(std::string_view name, std::int64_t& out, std::int64_t least, std::int64_t most);
    void read_strings(std::string_view name, std::map<std::string, std::string>& out);
    // Like read_strings, but takes whole numbers too; at most `most` entries.
    void read_settings(std::string_view name, std::map<std::string, std::string>& out, std::size_t most);
    void read_texts(std::string_view name, std::vector<std::string>& out);  // a sequence of strings, none of them empty
    void read_sequence(std::string_view name,
                       const std::function<void(const Node& item, const std::string& path)>& read_item);

    template <class Integer>
    void read_integer(std::string_view name, Integer& out, std::int64_t least, std::int64_t most) {
        if (const auto value = integer(name, least, most)) out = static_cast<Integer>(*value);
    }
    template <class Choice>
    void read_choice(std::string_view name, Choice& out,
                     std::initializer_list<std::pair<std::string_view, Choice>> choices) {
        std::vector<std::string_view> names;
        for (const auto& choice : choices) names.push_back(choice.first);
        if (const auto index = choice_index(name, names)) out = (choices.begin() + *index)->second;
    }
    FieldReader nested(std::string_view name) { return {find(name), child_path(path_, name), problems_}; }

    // To be called last: a problem for every field that was not asked for.
    void refuse_unknown();

    void complain(std::string_view name, const std::string& message);  // at the field's line, or the mapping's
    bool is_present() const { return node_ != nullptr; }
    int line() const { return line_; }
    const std::string& path() const { return path_; }
    Problems& problems() { return problems_; }

private:
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<std::size_t> choice_index(std::string_view name, const std::vector<std::string_view>& choices);
    const Node::Entry* entry(std::string_view name) const;

    const Node* node_ = nullptr;
    int line_ = 0;
    std::string path_;
    Problems& problems_;
    std::vector<std::string_view> known_;  // the names asked for: string literals
};

// The duration that `node` is; else what is wrong with it.
struct ReadDuration {
    std::optional<Duration> value;
    std::string complaint;
};
ReadDuration read_duration_of(const Node& node, Duration least, Duration most);

}  // namespace drover::jobqueue
