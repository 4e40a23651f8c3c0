// Dead letters for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/letters/dead_letter.h"

namespace drover::letters {

inline const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

// A record with its own memory.
class Letter {
public:
    explicit Letter(std::vector<Field> fields, std::optional<std::string> value = "{}") : value_(std::move(value)) {
        for (Field& field : fields) fields_.push_back(std::move(field));
        for (const Field& field : fields_) views_.push_back({field.name, field.value});
    }
    Letter(const Letter&) = delete;
    Letter& operator=(const Letter&) = delete;

    LetterRecord record() const {
        return {.topic = "shop.email.dlq",
                .partition = 3,
                .offset = 42,
                .timestamp = noon,
                .key = "ann",
                .value = value_,
                .fields = views_};
    }
    DeadLetter read() const { return read_dead_letter(record()); }

private:
    std::optional<std::string> value_;
    std::vector<Field> fields_;
    std::vector<FieldView> views_;
};

// As a sidecar writes it.
inline std::vector<Field> fields_of_a_letter() {
    return {{"colour", "red"},
            {"drover-type", "send"},
            {"drover-job-id", "job-1"},
            {"drover-attempt", "2"},
            {"drover-original-topic", "shop.email.high"},
            {"drover-original-partition", "1"},
            {"drover-original-offset", "7"},
            {"drover-original-timestamp", "2026-03-01T11:00:00.000Z"},
            {"drover-attempts", R"([{"attempt":1,"at":"2026-03-01T11:58:00.000Z","pod":"pod-a","outcome":"Timeout"},)"
                                R"({"attempt":2,"at":"2026-03-01T11:59:00.000Z","pod":"pod-b","outcome":"Http503"}])"},
            {"drover-error-class", "Http503"},
            {"drover-error-status", "503"},
            {"drover-error-response", "no paper\nin tray 2"},
            {"drover-run", "1"},
            {"drover-failed-at", "2026-03-01T11:59:01.000Z"},
            {"__dlq.errors.group", "drover.shop.email"},
            {"__dlq.errors.message", "no paper"}};
}

}  // namespace drover::letters
