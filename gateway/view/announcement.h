// What the feeder of a shared database says to the other gateways: which jobs changed. Room: gateway/view. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/view/job_view.h"

namespace drover::gateway {

// Each of at most `longest` printable ASCII characters. A job whose name is too long for one is left out.
std::vector<std::string> announcements_of(std::span<const JobChange> changes, std::size_t longest);

// Appends what one says, without the jobs themselves. False where it says something else.
bool read_announcement(std::string_view text, std::vector<JobChange>& out);

}  // namespace drover::gateway
