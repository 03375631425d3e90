// Checkpoints: what a run writes down, and goes on from.
#include "m4dl/mcmc/run.hpp"

#include "m4dl/base/require.hpp"

namespace m4dl {

namespace {

class Writer final : public StateVisitor {
public:
    Writer(RunState& to, Index first, Index chains) : to_(to), first_(first), chains_(chains) {}
    void field(const char* name, double* values, Index rows) override {
        Matrix& m = to_[name];
        m.resize(chains_, rows);
        const Eigen::Map<const Block> lanes(values, rows, kLanes);
        for (Index c = first_; c < std::min(chains_, first_ + kLanes); ++c)
            m.row(c) = lanes.col(c - first_).transpose();
    }
    void number(const char* name, Index column, double& x) override {
        Matrix& m = to_[name];
        if (m.size() == 0) m = Matrix::Zero(1, 1);
        m(0, column) = x;
    }
    void count(const char* name, Index column, Index& x) override {
        auto number_of = static_cast<double>(x);
        number(name, column, number_of);
    }

private:
    RunState& to_;
    Index first_, chains_;
};

Index count_of(double x) {
    require(x >= 0.0 && x < 0x1p53, "the state holds a count of ", x);
    return static_cast<Index>(x);
}

constexpr Index kNumbers = 5;  // of the entry "run": iteration, adapting, and those of blocks

const Matrix& entry(const RunState& state, const char* name, Index rows, Index columns) {
    const auto it = state.find(name);
    require(it != state.end(), "the state has no entry '", name, "'");
    require(it->second.rows() == rows && it->second.cols() == columns, "state entry '", name,
            "' must have shape (", rows, ", ", columns, ")");
    return it->second;
}

class Reader final : public StateVisitor {
public:
    Reader(const RunState& from, Index first, Index chains)
        : from_(from), first_(first), chains_(chains) {}
    void field(const char* name, double* values, Index rows) override {
        const Matrix& m = entry(from_, name, chains_, rows);
        Eigen::Map<Block> lanes(values, rows, kLanes);
        for (Index c = first_; c < std::min(chains_, first_ + kLanes); ++c)
            lanes.col(c - first_) = m.row(c).transpose();
    }
    void number(const char* name, Index column, double& x) override {
        x = entry(from_, name, 1, std::string(name) == "run" ? kNumbers : 1)(0, column);
    }
    void count(const char* name, Index column, Index& x) override {
        double number_of = 0.0;
        number(name, column, number_of);
        x = count_of(number_of);
    }

private:
    const RunState& from_;
    Index first_, chains_;
};

}  // namespace

RunState Run::state() const {
    RunState out;
    out["run"] = Matrix::Zero(1, kNumbers);
    out["run"].leftCols(2) << static_cast<double>(iteration_), adapting_ ? 1.0 : 0.0;
    if (parts_.meeting) {
        std::vector<double> numbers;
        parts_.meeting->visit([&](double& x) { numbers.push_back(x); });
        out["shared"] =
            Eigen::Map<const Matrix>(numbers.data(), 1, static_cast<Index>(numbers.size()));
    }
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b) {
        Writer writer(out, static_cast<Index>(b) * kLanes, chains());
        parts_.blocks[b]->visit(writer);
    }
    return out;
}

void Run::restore(const RunState& state) {
    const Matrix& run = entry(state, "run", 1, kNumbers);
    const Index iteration = count_of(run(0, 0));
    broken_ = true;  // if an entry is missing
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b) {
        Reader reader(state, static_cast<Index>(b) * kLanes, chains());
        parts_.blocks[b]->visit(reader);
    }
    if (parts_.meeting) {
        Index size = 0;
        parts_.meeting->visit([&](double&) { ++size; });
        const double* from = entry(state, "shared", 1, size).data();
        parts_.meeting->visit([&](double& x) { x = *from++; });
    }
    iteration_ = iteration;
    adapting_ = run(0, 1) != 0.0;
    broken_ = false;
}

}  // namespace m4dl
