#include "gateway/core/audit.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

const Time noon = *parse_rfc3339("2026-11-26T12:00:00.000Z");

AuditEntry entry(const std::string& id, Time at = noon, const std::string& queue = "shop.email") {
    return {.id = id,
            .at = at,
            .who = "ann",
            .action = "POST /v1/queues/{queue}/pause",
            .queue = queue,
            .job = "",
            .reason = "upgrade",
            .status = 200,
            .gateway = "gw-0"};
}
constexpr auto all = [](const AuditEntry&) { return true; };

TEST(Audit, a_record_says_what_was_done_C14) {
    const jobqueue::ControlMessage record = audit_record(entry("7"));
    EXPECT_EQ(record.key, "audit/7");
    const Result<AuditEntry> read = parse_audit_record(record.key, record.value.value());
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, entry("7"));
}

TEST(Audit, what_is_no_entry_is_refused_C14) {
    for (const char* value : {"", "[]", "{}", "{\"at\": \"noon\"}", "\xff"})
        EXPECT_FALSE(parse_audit_record("audit/1", value));
    EXPECT_FALSE(parse_audit_record("audit/", *audit_record(entry("7")).value));
}

TEST(AuditBook, lists_the_newest_first_and_goes_on_where_a_page_ended_C14) {
    AuditBook book;
    for (const char* id : {"2", "1", "4", "3"}) book.apply(entry(id, noon, *id == '3' ? "other.q" : "shop.email"));
    const auto first = book.list(2, "", all);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].id + first[1].id, "43");
    const auto rest = book.list(10, first[1].id, all);
    ASSERT_EQ(rest.size(), 2u);
    EXPECT_EQ(rest[0].id + rest[1].id, "21");
    EXPECT_EQ(book.list(10, "", [](const AuditEntry& each) { return each.queue == "other.q"; }).size(), 1u);
}

TEST(AuditBook, keeps_entries_for_a_month_C14) {
    AuditBook book;
    book.apply(entry("1", noon));
    book.apply(entry("2", noon + std::chrono::hours(1)));
    EXPECT_TRUE(book.take_expired(noon + audit_kept).empty());
    EXPECT_EQ(book.take_expired(noon + audit_kept + std::chrono::minutes(1)), std::vector<std::string>{"1"});
    EXPECT_EQ(book.list(10, "", all).size(), 1u);
}

}  // namespace
}  // namespace drover::gateway
