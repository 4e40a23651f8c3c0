#include "src/cron/zone.h"

#include <gtest/gtest.h>

namespace drover::cron {
namespace {

TEST(Zone, C9_names_of_the_time_zone_database_are_known) {
    for (const char* name : {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "GMT"}) {
        const Result<Zone> zone = Zone::load(name);
        ASSERT_TRUE(zone) << name;
        EXPECT_EQ(zone->name(), name);
    }
}

TEST(Zone, C9_none_is_UTC) {
    EXPECT_EQ(Zone::load("")->name(), "UTC");
    EXPECT_EQ(Zone().name(), "UTC");
}

TEST(Zone, C9_all_else_is_refused_and_no_file_is_opened_for_it) {
    for (const char* name : {"Europe/Nowhere", "Local", "localtime", "right/Europe/Berlin", "posix/UTC", "/etc/passwd",
                             "../zoneinfo/UTC", "file:/etc/localtime", "libc:localtime", "Europe/../UTC", "Europe",
                             "Fixed/UTC+01:00:00", "UTC\n", " UTC", "Zo\u00eb"}) {
        const Result<Zone> zone = Zone::load(name);
        ASSERT_FALSE(zone) << name;
        EXPECT_EQ(zone.error().code, Error::Code::invalid);
        EXPECT_EQ(zone.error().message, "must be an IANA time zone such as UTC or Europe/Berlin");
    }
    EXPECT_FALSE(Zone::load(std::string("UTC\0", 4)));
    EXPECT_FALSE(Zone::load(std::string(1000, 'A')));
}

}  // namespace
}  // namespace drover::cron
