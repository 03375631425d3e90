#include "m4dl/solve/preconditioner.hpp"

#include <cmath>

#include "m4dl/linalg/aggregation.hpp"
#include "m4dl/linalg/cholesky.hpp"

namespace m4dl {
namespace {

struct FactorPreconditioner final : Preconditioner {
    FactorPreconditioner(const std::shared_ptr<const Symbolic>& symbolic, const Vector& values)
        : cholesky(symbolic, values), size(symbolic->size) {}

    struct Work final : Preconditioner::Work {
        explicit Work(const FactorPreconditioner& p)
            : owner(p), z(FloatBlock::Zero(p.size, kLanes)), scratch(z) {}
        FloatBlock& rhs() override { return z; }
        FloatBlock& result() override { return z; }
        void apply() override { owner.cholesky.solve(z, scratch); }

        const FactorPreconditioner& owner;
        FloatBlock z, scratch;
    };
    std::unique_ptr<Preconditioner::Work> work() const override {
        return std::make_unique<Work>(*this);
    }
    bool failed() const { return cholesky.failed(); }

    SingleCholesky cholesky;
    Index size;
};

struct CyclePreconditioner final : Preconditioner {
    CyclePreconditioner(const LowerPattern& pattern, const Vector& values)
        : aggregation(pattern, values) {}

    struct Work final : Preconditioner::Work {
        explicit Work(const Aggregation& a) : aggregation(a), fields(a.workspace()) {}
        FloatBlock& rhs() override { return fields[0].rhs; }
        FloatBlock& result() override { return fields[0].x; }
        void apply() override { aggregation.cycle(fields); }

        const Aggregation& aggregation;
        Aggregation::Workspace fields;
    };
    std::unique_ptr<Preconditioner::Work> work() const override {
        return std::make_unique<Work>(aggregation);
    }
    bool failed() const { return aggregation.failed(); }

    Aggregation aggregation;
};

Vector diagonal_of(const LowerPattern& pattern, const Vector& values) {
    Vector d(pattern.size);
    for (Index j = 0; j < pattern.size; ++j) d[j] = values[pattern.column_start[j]];
    return d;
}

// make(values / unit), or null.
template <class Make>
std::shared_ptr<Preconditioner> prepared(const LowerPattern& pattern, const Vector& values,
                                         Make&& make) {
    Vector diagonal = diagonal_of(pattern, values);
    const double largest = diagonal.maxCoeff();
    if (!(diagonal.minCoeff() > 0.0) || !std::isfinite(largest)) return nullptr;
    // Four to a whole power: the square root of it is one of two, in a factor, too.
    const double unit = std::ldexp(1.0, 2 * (std::ilogb(largest) / 2));
    auto out = make(values / unit);
    if (out->failed()) return nullptr;
    out->diagonal = std::move(diagonal);
    out->unit = unit;
    return out;
}

}  // namespace

Prepare prepare_factor(const LowerPattern& pattern, const Matrix& coordinates) {
    auto symbolic = std::make_shared<const Symbolic>(analyse(pattern, coordinates));
    return [&pattern, symbolic](const Vector& values) -> std::shared_ptr<Preconditioner> {
        return prepared(pattern, values, [&](const Vector& scaled) {
            return std::make_shared<FactorPreconditioner>(symbolic, scaled);
        });
    };
}

Prepare prepare_cycle(const LowerPattern& pattern) {
    return [&pattern](const Vector& values) -> std::shared_ptr<Preconditioner> {
        return prepared(pattern, values, [&](const Vector& scaled) {
            return std::make_shared<CyclePreconditioner>(pattern, scaled);
        });
    };
}

}  // namespace m4dl
