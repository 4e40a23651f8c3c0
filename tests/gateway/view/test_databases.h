// Databases for tests of the view: each test has a new one, of either kind, and tells it events.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/view/job_view.h"
#include "tests/gateway/core/told_events.h"

namespace drover::gateway::test {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;
using namespace std::chrono_literals;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
inline void must(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().message);
}

class TestDatabase {
public:
    virtual ~TestDatabase() = default;

    virtual std::string where() const = 0;
    // Runs SQL behind the view's back; NUMBER and BYTES are types.
    virtual void execute(const std::string& sql) = 0;

    std::unique_ptr<JobView> open(Duration patience = 10s) const {
        return must(open_job_view({.where = where(), .patience = patience}));
    }
};

class SqliteFile final : public TestDatabase {
public:
    SqliteFile();
    ~SqliteFile() override;

    std::string where() const override { return "sqlite:" + path(); }
    void execute(const std::string& sql) override;
    std::string path() const { return folder_ + "/view.db"; }

private:
    std::string folder_;
};

// In the server that DROVER_TEST_POSTGRES names.
class PostgresDatabaseOfTest final : public TestDatabase {
public:
    PostgresDatabaseOfTest();
    ~PostgresDatabaseOfTest() override;

    std::string where() const override;
    void execute(const std::string& sql) override;

private:
    std::string name_;
};

enum class Kind { sqlite, postgres };

// Events of one partition, told in batches as the feeder does.
class Teller {
public:
    explicit Teller(JobView& view) : view_(view) {}

    Result<std::vector<JobChange>> try_tell(const std::vector<ToldEvent>& events);
    std::vector<JobChange> tell(const std::vector<ToldEvent>& events) { return must(try_tell(events)); }
    std::int64_t position() const { return next_; }

private:
    JobView& view_;
    std::int64_t next_ = 0;
};

// A suite that runs on both. Its tests are TEST_Ps.
class ViewTest : public testing::TestWithParam<Kind> {
protected:
    ViewTest();

    std::vector<JobChange> tell(const std::vector<ToldEvent>& events) { return teller_.tell(events); }

    std::unique_ptr<TestDatabase> database_;
    std::unique_ptr<JobView> view_;
    Teller teller_;
};

inline std::string kind_name(const testing::TestParamInfo<Kind>& info) {
    return info.param == Kind::sqlite ? "sqlite" : "postgres";
}

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define ON_BOTH_DATABASES(suite) \
    INSTANTIATE_TEST_SUITE_P(on, suite, testing::Values(Kind::sqlite, Kind::postgres), kind_name)

}  // namespace drover::gateway::test
