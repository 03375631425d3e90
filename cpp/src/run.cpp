#include "m4dl/mcmc/run.hpp"

#include "m4dl/base/parallel.hpp"

namespace m4dl {

void check_start(const Potential& potential, const Reference* reference, const Matrix& start) {
    const Index white = potential.white();
    require(start.rows() > 0, "chains must be at least 1");
    require(start.cols() == white, "start must have ", white, " columns, got ", start.cols());
    require(!reference || reference->white() == white, "metric must be for ", white,
            " white noises, got ", reference ? reference->white() : 0);
}

Run::Run(RunParts parts) : parts_(std::move(parts)) {
    each_block([](AnyBlock& b, Index) { b.evaluate(); });
    for (const auto& [what, values] : told(&AnyBlock::start)) {
        std::string bad;
        for (Index c = 0; c < values.size(); ++c)
            if (!std::isfinite(values[c])) bad += (bad.empty() ? "" : ", ") + std::to_string(c);
        require(bad.empty(), "the ", what, " is not finite at the start of chain(s) ", bad,
                ": the solve failed or the start is far outside the model's range");
    }
}

// body(block, its number), in parallel.
template <class Body>
void Run::each_block(Body&& body) {
    parallel_for(
        static_cast<Index>(parts_.blocks.size()), parts_.threads,
        [&](Index b) { body(*parts_.blocks[b], b); }, parts_.potential->threads());
}
// The same for what leaves the run broken if it throws.
template <class Body>
void Run::change(Body&& body) {
    broken_ = true;
    each_block(body);
    broken_ = false;
}

void Run::advance(Index iterations, Index thin, const Records& to) {
    require(iterations >= 0, "iterations must not be negative, got ", iterations);
    require(thin > 0 && iterations % thin == 0, "thin must divide the ", iterations,
            " iterations, got ", thin);
    require(!broken_, "this run stopped in the middle of a step: restore a state first");
    broken_ = true;
    auto advance_blocks = [&](Index begin, Index end) {
        const Steps steps{begin, end, iteration_, adapting_, thin, iterations / thin, to};
        each_block([&](AnyBlock& b, Index) { b.advance(steps); });
    };
    if (parts_.meeting && adapting_)
        for (Index k = 0; k < iterations; ++k) {
            parts_.meeting->open();
            advance_blocks(k, k + 1);
            parts_.meeting->close();
        }
    else
        advance_blocks(0, iterations);
    iteration_ += iterations;
    broken_ = false;
}

void Run::set_adapting(bool on) {
    if (adapting_ && !on) {
        for (const auto& b : parts_.blocks) b->freeze();
        if (parts_.meeting) parts_.meeting->freeze();
    }
    if (!on)
        for (const auto& b : parts_.blocks) b->forget_divergences();
    adapting_ = on && parts_.adapts;
}

// The chains of a block of lanes as rows of a matrix of all chains.
template <class LanesOfBlock>
void Run::rows_of(Index block, const LanesOfBlock& lanes, Matrix& out) const {
    const Index first = block * kLanes;
    for (Index c = first; c < std::min(chains(), first + kLanes); ++c)
        out.row(c) = lanes.col(c - first).transpose();
}

std::vector<std::pair<std::string, Vector>> Run::told(Speak speak) const {
    std::vector<std::pair<std::string, Vector>> out;
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b) {
        std::size_t next = 0;  // every block says the same in the same order
        const auto first = static_cast<Index>(b) * kLanes;
        (parts_.blocks[b].get()->*speak)([&](const char* name, const Lanes& lanes) {
            if (b == 0) out.emplace_back(name, Vector(chains()));
            const Index count = std::min(kLanes, chains() - first);
            out[next++].second.segment(first, count) = lanes.head(count).matrix();
        });
    }
    return out;
}
std::vector<std::pair<std::string, Vector>> Run::report() const { return told(&AnyBlock::report); }

Matrix Run::position() const {
    Matrix out(chains(), white());
    for (std::size_t b = 0; b < parts_.blocks.size(); ++b)
        rows_of(static_cast<Index>(b), parts_.blocks[b]->prior_noise(), out);
    return out;
}
Matrix Run::predictions() {
    Matrix out(chains(), parts_.potential->outputs());
    each_block([&](AnyBlock& b, Index number) { rows_of(number, b.predictions(), out); });
    return out;
}
Matrix Run::discrepancy() {
    Matrix out(chains(), parts_.potential->outputs());
    each_block([&](AnyBlock& b, Index number) { rows_of(number, b.discrepancy(), out); });
    return out;
}

void Run::set_reference(std::shared_ptr<const Reference> reference) {
    require(reference && reference->white() == white(), "metric must be for ", white(),
            " white noises, got ", reference ? reference->white() : 0);
    parts_.reference = std::move(reference);
    change([&](AnyBlock& b, Index) { b.refer(parts_.reference); });
    if (parts_.meeting) parts_.meeting->restart();
}
void Run::set_error_model(const ErrorModel& error) {
    change([&](AnyBlock& b, Index) { b.correct(error); });
}

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
