#include "src/letters/control_log.h"

namespace drover::letters {

void ControlLog::add(std::optional<std::string_view> key, std::optional<std::string_view> value, Time now) {
    const auto record = jobqueue::parse_control(key, value);
    if (!record) {
        if (unreadable_++ == 0) first_problem_ = record.error().message;
        return;
    }
    state_.apply(*record, now);
    if (const auto* redriven = std::get_if<jobqueue::control::Redriven>(&*record)) {
        if (redriven->topic != dead_letter_topic_) return;
        const LetterPlace place{redriven->partition, redriven->offset};
        if (redriven->redriven)
            redriven_.insert_or_assign(place, RedrivenMark{redriven->run, redriven->at, redriven->by});
        else
            redriven_.erase(place);
    }
}

const RedrivenMark* ControlLog::redriven(LetterPlace place) const {
    const auto found = redriven_.find(place);
    return found == redriven_.end() ? nullptr : &found->second;
}

std::string ControlLog::complaint() const {
    if (unreadable_ == 0) return "";
    const std::string count = std::to_string(unreadable_);
    return count + (unreadable_ == 1 ? " record" : " records") + " of the control topic cannot be read and " +
           (unreadable_ == 1 ? "does" : "do") + " not count. The first: " + first_problem_;
}

}  // namespace drover::letters
