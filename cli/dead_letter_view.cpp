#include "cli/dead_letter_view.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "cli/figures.h"
#include "cli/terminal_text.h"
#include "src/base/base64.h"
#include "src/jobqueue/utf8.h"

namespace drover::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t excerpt_bytes = 4096;
constexpr std::size_t most_spread_bytes = 256 * 1024;
constexpr int most_depth = 100;  // printing recurses
constexpr int label_width = 12;

std::string class_name(const std::string& error_class) {
    return error_class.empty() ? "(no error class)" : one_line(error_class);
}

Span number(std::int64_t value, Style style) { return {with_thousands(value), value == 0 ? Style::dim : style}; }

void add_rendered(std::vector<std::string>& to, const std::vector<Line>& lines, int width, bool color) {
    for (const Line& line : lines) to.push_back(render(line, width, color));
}

// A table whose every row has a text below it.
std::vector<Line> with_texts(std::vector<Line> table, const std::vector<std::string>& texts) {
    std::vector<Line> lines;
    for (std::size_t i = 0; i < table.size(); ++i) {
        lines.push_back(std::move(table[i]));
        if (i > 0 && i <= texts.size() && !texts[i - 1].empty()) lines.push_back({{"  ╰ " + texts[i - 1], Style::dim}});
    }
    return lines;
}

Line labelled(const std::string& label, std::string text, Style style = Style::plain) {
    const auto missing = static_cast<std::size_t>(std::max(label_width - display_width(label), 1));
    return {{"  " + label + std::string(missing, ' '), Style::dim}, {std::move(text), style}};
}

std::string place_text(const std::string& topic, int partition, std::int64_t offset) {
    return one_line(topic) + " partition " + std::to_string(partition) + " offset " + std::to_string(offset);
}

bool is_text(std::string_view bytes) {
    if (jobqueue::find_invalid_utf8(bytes)) return false;
    return std::ranges::none_of(
        bytes, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t'; });
}

Line more_bytes(std::string_view text) {
    return {{"    … " + with_thousands(static_cast<std::int64_t>(text.size() - excerpt_bytes)) +
                 " more bytes: -o json has all of them",
             Style::dim}};
}

// The first bytes of a text, line by line, safe for a terminal.
std::vector<Line> excerpt_of(std::string_view text) {
    std::vector<Line> lines;
    const std::string shown = jobqueue::clean_text(text, excerpt_bytes);
    std::string_view rest = shown;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        // Indentation says something: one_line() would eat it.
        std::string_view line = rest.substr(0, end);
        const auto indent = std::min(line.find_first_not_of(' '), line.size());
        lines.push_back({{"    " + std::string(indent, ' ') + one_line(line.substr(indent)), Style::plain}});
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (text.size() > excerpt_bytes) lines.push_back(more_bytes(text));
    return lines;
}

// JSON that stands on one line is spread over several.
std::string readable(const std::string& text) {
    if (text.size() > most_spread_bytes || text.find('\n') != std::string::npos) return text;
    int depth = 0;
    const auto look = [&depth](int level, ordered_json::parse_event_t, ordered_json&) {
        depth = std::max(depth, level);
        return true;
    };
    const ordered_json parsed = ordered_json::parse(text, look, false);
    if (!parsed.is_structured() || depth > most_depth) return text;
    return parsed.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<Line> payload_lines(const WholeLetter& letter) {
    std::vector<Line> lines;
    if (letter.letter.payload_left_out) {
        lines.push_back({{"  Payload", Style::bold}});
        lines.push_back({{"    did not fit into the dead-letter topic; the job's record, if it is still there, has it",
                          Style::yellow}});
        return lines;
    }
    if (!letter.value) return {{{"  Payload", Style::bold}, {"  none (null)", Style::dim}}};
    const auto bytes = static_cast<std::int64_t>(letter.value->size());
    lines.push_back({{"  Payload", Style::bold}, {"  " + with_thousands(bytes) + " bytes", Style::dim}});
    if (!is_text(*letter.value)) {
        lines.push_back({{"    base64: " + base64_encode(letter.value->substr(0, excerpt_bytes)), Style::plain}});
        if (letter.value->size() > excerpt_bytes) lines.push_back(more_bytes(*letter.value));
        return lines;
    }
    const std::vector<Line> text = excerpt_of(readable(*letter.value));
    lines.insert(lines.end(), text.begin(), text.end());
    return lines;
}

std::vector<Line> attempt_lines(const letters::DeadLetter& letter, int width) {
    if (letter.attempts.empty()) return {};
    Column tries{.heading = "TRY", .to_the_right = true};
    Column at{.heading = "AT (UTC)", .importance = 2, .to_the_right = false};
    Column outcome{.heading = "OUTCOME", .importance = 3, .to_the_right = false};
    Column pod{.heading = "POD", .importance = 1, .to_the_right = false};
    for (const jobqueue::AttemptRecord& attempt : letter.attempts) {
        tries.cells.push_back({std::to_string(attempt.attempt)});
        at.cells.push_back({utc(attempt.at)});
        outcome.cells.push_back({one_line(attempt.outcome), Style::red});
        pod.cells.push_back({one_line(attempt.pod)});
    }
    std::vector<Line> lines{{}, {{"  Tries", Style::bold}}};
    for (Line& line : lay_out(tries, {at, outcome, pod}, width - 4)) {
        line.insert(line.begin(), {"    ", Style::plain});
        lines.push_back(std::move(line));
    }
    return lines;
}

std::vector<Line> header_lines(const WholeLetter& letter) {
    std::vector<Line> lines;
    for (const Field& field : letter.headers) {
        if (field.name.starts_with("__dlq.") || field.name.starts_with("drover-error") ||
            field.name.starts_with("drover-original") || field.name == jobqueue::header::attempts)
            continue;  // all of it is said above
        const std::string value = is_text(field.value) ? one_line(field.value) : "base64:" + base64_encode(field.value);
        lines.push_back({{"    " + one_line(field.name) + ": ", Style::dim}, {value, Style::plain}});
    }
    if (lines.empty()) return lines;
    lines.insert(lines.begin(), {{}, {{"  Headers", Style::bold}}});
    return lines;
}

std::string mark_text(const std::optional<letters::RedrivenMark>& mark) {
    if (!mark) return "not yet";
    return "as run " + std::to_string(mark->run) + ", " + utc(mark->at) +
           (mark->by.empty() ? "" : " by " + one_line(mark->by));
}

std::string dump(const ordered_json& json_value) {
    return json_value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void add_unless_empty(ordered_json& to, const char* name, const std::string& value) {
    if (!value.empty()) to[name] = value;
}

ordered_json mark_json(const std::optional<letters::RedrivenMark>& mark) {
    if (!mark) return nullptr;
    return {{"run", mark->run}, {"at", format_rfc3339(mark->at)}, {"by", mark->by}};
}

ordered_json json_of(const letters::DeadLetter& letter, const std::optional<letters::RedrivenMark>& mark) {
    ordered_json json{{"job", letter.job_id}};
    add_unless_empty(json, "type", letter.type);
    json["error"] = letter.error_class;
    add_unless_empty(json, "message", letter.message);
    add_unless_empty(json, "status", letter.status);
    json["failedAt"] = format_rfc3339(letter.failed_at);
    json["run"] = letter.run;
    json["attempts"] = letter.attempts_made;
    json["partition"] = letter.partition;
    json["offset"] = letter.offset;
    json["redriven"] = mark_json(mark);
    return json;
}

// A text as it is; other bytes in base64, under another name.
void add_bytes(ordered_json& to, const std::string& name, const std::optional<std::string>& bytes) {
    if (!bytes)
        to[name] = nullptr;
    else if (jobqueue::find_invalid_utf8(*bytes))
        to[name + "Base64"] = base64_encode(*bytes);
    else
        to[name] = *bytes;
}

}  // namespace

std::string utc(Time time) {
    if (time == Time{}) return "–";
    std::string text = format_rfc3339(time).substr(0, 19);
    text[10] = ' ';
    return text;
}

std::vector<std::string> render_groups(const DeadLetterGroups& groups, const std::string& queue, int width,
                                       bool color) {
    if (groups.count() == 0) return {render({{"no dead letters of " + one_line(queue), Style::plain}}, width, color)};
    Column names{.heading = "ERROR", .to_the_right = false};
    Column open{.heading = "OPEN", .importance = 9};
    Column redriven{.heading = "REDRIVEN", .importance = 6};
    Column first{.heading = "FIRST (UTC)", .importance = 4, .to_the_right = false};
    Column last{.heading = "LAST (UTC)", .importance = 5, .to_the_right = false};
    Column example{.heading = "EXAMPLE JOB", .importance = 8, .to_the_right = false};
    std::vector<std::string> messages;
    for (const DeadLetterGroup& group : groups.by_count()) {
        names.cells.push_back({class_name(group.error_class), Style::bold});
        open.cells.push_back(number(group.open(), Style::red));
        redriven.cells.push_back(number(group.redriven, Style::plain));
        first.cells.push_back({utc(group.first)});
        last.cells.push_back({utc(group.last)});
        example.cells.push_back({one_line(group.example_job)});
        messages.push_back(one_line(group.shape));
    }
    std::vector<std::string> lines;
    add_rendered(lines, with_texts(lay_out(names, {open, redriven, first, last, example}, width), messages), width,
                 color);
    const std::int64_t count = groups.count();
    std::string sum =
        with_thousands(count) + (count == 1 ? " dead letter" : " dead letters") + " of " + one_line(queue);
    if (groups.redriven() > 0) sum += ", " + with_thousands(groups.redriven()) + " of them redriven";
    lines.emplace_back();
    lines.push_back(render({{sum, Style::plain}}, width, color));
    lines.push_back(
        render({{"'drover dead show' with the id of a job tells all about one", Style::dim}}, width, color));
    return lines;
}

std::vector<std::string> render_letter(const WholeLetter& whole, int width, bool color) {
    const letters::DeadLetter& letter = whole.letter;
    std::vector<Line> lines;
    const auto add = [&lines](const std::string& label, const std::string& text, Style style = Style::plain) {
        if (!text.empty()) lines.push_back(labelled(label, text, style));
    };
    const Line title{{one_line(letter.job_id), Style::bold}, {"  " + class_name(letter.error_class), Style::red}};
    add("cause", one_line(letter.message));
    add("status", one_line(letter.status));
    add("failed", utc(letter.failed_at) + " UTC, after " + std::to_string(letter.attempts_made) +
                      (letter.attempts_made == 1 ? " try" : " tries") + " of run " + std::to_string(letter.run));
    add("type", one_line(letter.type));
    if (whole.key) add("key", is_text(*whole.key) ? one_line(*whole.key) : "base64:" + base64_encode(*whole.key));
    if (letter.origin) {
        const letters::LetterOrigin& origin = *letter.origin;
        add("submitted", utc(origin.timestamp) + " UTC, " + place_text(origin.topic, origin.partition, origin.offset));
    }
    add("stands in", place_text(whole.topic, letter.partition, letter.offset));
    add("group", one_line(letter.group));
    add("redriven", mark_text(whole.redriven), whole.redriven ? Style::green : Style::plain);

    const auto append = [&lines](std::vector<Line> more) {
        lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
    append(attempt_lines(letter, width));
    if (!letter.response.empty()) {
        append({{}, {{"  The worker's answer", Style::bold}}});
        append(excerpt_of(letter.response));
    }
    append(header_lines(whole));
    lines.emplace_back();
    append(payload_lines(whole));

    // What one copies from here, ids and payloads, is not cut.
    std::vector<std::string> rendered;
    rendered.push_back(render(title, std::numeric_limits<int>::max(), color));
    add_rendered(rendered, lines, std::numeric_limits<int>::max(), color);
    return rendered;
}

std::string to_json(const DeadLetterGroups& groups, const std::string& queue) {
    ordered_json list = ordered_json::array();
    for (const DeadLetterGroup& group : groups.by_count())
        list.push_back({{"error", group.error_class},
                        {"messageShape", group.shape},
                        {"count", group.count},
                        {"redriven", group.redriven},
                        {"first", format_rfc3339(group.first)},
                        {"last", format_rfc3339(group.last)},
                        {"exampleJob", group.example_job},
                        {"exampleMessage", group.example_message}});
    return dump(
        {{"queue", queue}, {"count", groups.count()}, {"redriven", groups.redriven()}, {"groups", std::move(list)}});
}

std::string to_json(const WholeLetter& whole) {
    ordered_json json = json_of(whole.letter, whole.redriven);
    json["topic"] = whole.topic;
    if (const auto& origin = whole.letter.origin)
        json["original"] = {{"topic", origin->topic},
                            {"partition", origin->partition},
                            {"offset", origin->offset},
                            {"timestamp", format_rfc3339(origin->timestamp)}};
    add_unless_empty(json, "group", whole.letter.group);
    add_unless_empty(json, "response", whole.letter.response);
    ordered_json tries = ordered_json::array();
    for (const auto& attempt : whole.letter.attempts)
        tries.push_back({{"attempt", attempt.attempt},
                         {"at", format_rfc3339(attempt.at)},
                         {"pod", attempt.pod},
                         {"outcome", attempt.outcome}});
    json["tries"] = std::move(tries);
    ordered_json headers = ordered_json::array();
    for (const Field& field : whole.headers) {
        ordered_json header{{"name", field.name}};
        add_bytes(header, "value", field.value);
        headers.push_back(std::move(header));
    }
    json["headers"] = std::move(headers);
    add_bytes(json, "key", whole.key);
    if (whole.letter.payload_left_out)
        json["payloadLeftOut"] = true;
    else
        add_bytes(json, "payload", whole.value);
    return dump(json);
}

}  // namespace drover::cli
