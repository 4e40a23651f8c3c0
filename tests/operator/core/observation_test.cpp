#include "operator/core/observation.h"

#include <gtest/gtest.h>

namespace drover::operator_core {
namespace {

TEST(Observation, of_a_look_that_failed_has_every_figure_unknown_B6) {
    const Observation seen = observation_of(nullptr, 3, 2, false);
    EXPECT_EQ(seen, (Observation{.replicas = 3, .in_flight = 2}));
    EXPECT_FALSE(seen.backlog);
}

}  // namespace
}  // namespace drover::operator_core
