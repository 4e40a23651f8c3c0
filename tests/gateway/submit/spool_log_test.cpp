#include "gateway/submit/spool_log.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>

#include "gateway/submit/crc32c.h"
#include "tests/gateway/submit/fake_disk.h"

namespace drover::gateway::test {
namespace {

using testing::ElementsAre;

std::unique_ptr<SpoolLog> open_log(FakeDisk& disk, SpoolLog::Options options = {}) {
    auto log = SpoolLog::open(disk.folder(), options);
    if (!log) throw std::runtime_error(log.error().message);
    return std::move(*log);
}

SpoolNumber add(SpoolLog& log, const std::string& bytes) {
    const auto number = log.append(bytes, Time{});
    if (!number) throw std::runtime_error(number.error().message);
    return *number;
}

std::vector<std::string> read_all(SpoolLog& log) {
    std::vector<std::string> all;
    for (;;) {
        auto entries = log.read(100);
        if (!entries) throw std::runtime_error(entries.error().message);
        if (entries->empty()) return all;
        for (SpoolEntry& each : *entries) all.push_back(std::move(each.bytes));
    }
}

TEST(Crc32c, is_the_one_of_iscsi) {
    EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
    EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xe3069283U);
}

TEST(SpoolLog, C11_gives_back_in_order_what_was_synced) {
    FakeDisk disk;
    auto log = open_log(disk, {.segment_bytes = 100});
    for (const char* each : {"a", "b", "c"}) add(*log, each);
    EXPECT_TRUE(log->sync());
    EXPECT_THAT(read_all(*log), ElementsAre("a", "b", "c"));
    add(*log, std::string(200, 'd'));
    EXPECT_TRUE(log->sync());
    EXPECT_THAT(read_all(*log), ElementsAre(std::string(200, 'd')));
    log = open_log(disk);
    EXPECT_EQ(log->found(), 4U);
    EXPECT_THAT(read_all(*log), ElementsAre("a", "b", "c", std::string(200, 'd')));
}

TEST(SpoolLog, C11_what_was_relayed_is_not_found_again_and_its_segments_go) {
    FakeDisk disk;
    auto log = open_log(disk, {.segment_bytes = 1});
    SpoolNumber last = 0;
    for (int i = 0; i < 10; ++i) {
        last = add(*log, std::to_string(i));
        EXPECT_TRUE(log->sync());
    }
    EXPECT_TRUE(log->mark(last - 1, last));
    log = open_log(disk);
    EXPECT_THAT(read_all(*log), ElementsAre("8", "9"));
    EXPECT_EQ(log->tried_before(), last);
    EXPECT_TRUE(log->mark(last + 1, 0));
    EXPECT_EQ(log->bytes(), 0U);
    EXPECT_GT(add(*log, "next"), last);
}

TEST(SpoolLog, C11_an_entry_that_was_cut_off_is_not_there_and_what_follows_is_taken) {
    FakeDisk disk;
    auto log = open_log(disk);
    add(*log, "whole");
    EXPECT_TRUE(log->sync());
    add(*log, "torn");
    EXPECT_TRUE(log->sync());
    for (auto& [name, file] : disk.files()) {
        if (name.ends_with(".spool")) file->now.resize(file->now.size() - 1);
    }
    log = open_log(disk);
    EXPECT_GT(log->cut(), 0U);
    EXPECT_TRUE(log->damages().empty());
    add(*log, "after");
    EXPECT_TRUE(log->sync());
    EXPECT_THAT(read_all(*log), ElementsAre("whole", "after"));
}

TEST(SpoolLog, C11_damage_in_the_middle_is_told_and_kept_and_the_rest_is_read) {
    FakeDisk disk;
    auto log = open_log(disk);
    for (const char* each : {"first", "second", "third"}) add(*log, each);
    EXPECT_TRUE(log->sync());
    for (auto& [name, file] : disk.files()) {
        if (name.ends_with(".spool")) file->now[file->now.find("second")] = 'X';
    }
    log = open_log(disk);
    const auto damages = log->damages();
    ASSERT_EQ(damages.size(), 1U);
    EXPECT_THAT(disk.files().at(damages[0].file)->synced, testing::HasSubstr("Xecond"));
    EXPECT_THAT(read_all(*log), ElementsAre("first", "third"));
    EXPECT_TRUE(log->damages().empty()) << "told twice";
}

TEST(SpoolLog, C11_a_damaged_length_hides_no_entry_behind_it) {
    FakeDisk disk;
    auto log = open_log(disk);
    for (const char* each : {"first", "second", "third"}) add(*log, each);
    EXPECT_TRUE(log->sync());
    for (auto& [name, file] : disk.files()) {
        if (name.ends_with(".spool")) file->now[file->now.find("first") + 5 + 4] = '\x7f';  // of the second's length
    }
    log = open_log(disk);
    EXPECT_EQ(log->damages().size(), 1U);
    EXPECT_THAT(read_all(*log), ElementsAre("first", "third"));
}

TEST(SpoolLog, C11_a_full_spool_is_an_error_until_something_was_relayed) {
    FakeDisk disk;
    auto log = open_log(disk, {.limit = 100});
    const SpoolNumber first = add(*log, std::string(60, 'x'));
    EXPECT_TRUE(log->sync());
    const auto refused = log->append(std::string(60, 'y'), Time{});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Error::Code::unavailable);
    EXPECT_TRUE(log->mark(first + 1, 0));
    EXPECT_TRUE(log->append(std::string(60, 'z'), Time{}));
}

TEST(SpoolLog, C11_a_full_disk_is_an_error_of_that_batch_and_heals) {
    FakeDisk disk;
    auto log = open_log(disk);
    add(*log, "before");
    EXPECT_TRUE(log->sync());
    disk.room = 40;
    add(*log, "lost");
    add(*log, "lost too");
    EXPECT_FALSE(log->sync());
    disk.room = SIZE_MAX;
    add(*log, "after");
    EXPECT_TRUE(log->sync());
    EXPECT_THAT(read_all(*log), ElementsAre("before", "after"));
    EXPECT_THAT(read_all(*open_log(disk)), ElementsAre("before", "after"));
}

TEST(SpoolLog, a_folder_that_is_none_or_is_in_use_is_an_error) {
    char path[] = "/tmp/drover-spool-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    const std::string folder = path;
    {
        const auto held = open_folder(folder + "/spool");
        ASSERT_TRUE(held);
        const auto second = open_folder(folder + "/spool");
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Error::Code::conflict);
        EXPECT_FALSE(open_folder(folder + "/spool/lock/spool")) << "below a file";
    }
    EXPECT_TRUE(open_folder(folder + "/spool"));
    std::filesystem::remove_all(folder);
}

// Any history of appends, syncs, reads, marks, full and failing disks, kills and power cuts: what a sync has made safe
// and no mark has let go is there, in order, and nothing that was never written is.
RC_GTEST_PROP(SpoolLog, C11_nothing_that_is_safe_is_lost_by_any_crash, ()) {
    FakeDisk disk;
    const SpoolLog::Options options{.limit = 1 << 20,
                                    .segment_bytes = *rc::gen::element<std::uint64_t>(1, 100, 1000, 100'000)};
    auto log = open_log(disk, options);
    std::map<SpoolNumber, std::string> safe, unsafe, maybe;  // maybe: lost to the owner, perhaps on the disk
    std::map<SpoolNumber, std::string> read;                 // by this reader
    SpoolNumber relayed = 1, maybe_relayed = 1;
    int named = 0;
    const auto chance = [](std::size_t below) { return *rc::gen::inRange<std::size_t>(0, below); };
    const auto check = [&] {
        SpoolNumber before = 0;
        for (;;) {
            const auto entries = log->read(*rc::gen::inRange<std::size_t>(1, 300));
            RC_ASSERT(entries.has_value());
            if (entries->empty()) break;
            for (const SpoolEntry& each : *entries) {
                RC_ASSERT(each.number > before);
                before = each.number;
                const auto written = safe.contains(each.number)    ? safe.at(each.number)
                                     : maybe.contains(each.number) ? maybe.at(each.number)
                                                                   : std::string("never written");
                RC_ASSERT(each.bytes == written);
                RC_ASSERT(each.number >= relayed);
                RC_ASSERT(read.emplace(each.number, each.bytes).second);
            }
        }
        for (const auto& [number, bytes] : safe) {
            if (number >= maybe_relayed) RC_ASSERT(read.contains(number));
        }
    };
    for (int steps = *rc::gen::inRange(1, 60); steps > 0; --steps) {
        switch (*rc::gen::weightedElement<int>({{8, 0}, {6, 1}, {3, 2}, {3, 3}, {2, 4}, {2, 5}, {2, 6}, {1, 7}})) {
            case 0: {
                const std::string bytes = std::to_string(++named) + std::string(chance(200), 'x');
                if (const auto number = log->append(bytes, Time{})) {
                    RC_ASSERT(!safe.contains(*number));
                    RC_ASSERT(*number >= relayed);
                    unsafe[*number] = bytes;
                }
                break;
            }
            case 1:
                (log->sync() ? safe : maybe).merge(unsafe);
                unsafe.clear();
                break;
            case 2: check(); break;
            case 3:
                if (!read.empty()) {
                    auto last = read.begin();
                    std::advance(last, chance(read.size()));
                    const SpoolNumber to = last->first + 1;
                    if (to > relayed) {
                        maybe_relayed = std::max(maybe_relayed, to);
                        if (log->mark(to, to + chance(10))) relayed = to;
                    }
                }
                break;
            case 4: disk.room = chance(300); break;
            case 5: disk.room = SIZE_MAX; break;
            case 6:
                log.reset();
                disk.room = SIZE_MAX;
                disk.sync_fails = false;
                if (*rc::gen::arbitrary<bool>()) disk.lose_power(chance);
                maybe.merge(unsafe);
                unsafe.clear();
                read.clear();
                log = open_log(disk, options);
                break;
            default: disk.sync_fails = !disk.sync_fails; break;
        }
    }
    log.reset();
    disk.room = SIZE_MAX;
    disk.sync_fails = false;
    disk.lose_power(chance);
    maybe.merge(unsafe);
    read.clear();
    log = open_log(disk, options);
    check();
}

}  // namespace
}  // namespace drover::gateway::test
