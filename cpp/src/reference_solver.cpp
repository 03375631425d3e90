#include "m4dl/solve/elliptic_solver.hpp"

#include <cmath>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/philox.hpp"
#include "m4dl/linalg/conjugate_gradients.hpp"
#include "m4dl/linalg/single_range.hpp"
#include "m4dl/solve/preconditioner.hpp"
#include "m4dl/solve/symmetric_rows.hpp"

namespace m4dl {
namespace {

constexpr int kMostIterations = 400;
constexpr Index kWorthThreads = 128 * 128;  // unknowns from which one solve feeds several threads
// Below this tolerance the residual is taken afresh once: in steps it drifts by rounding.
constexpr double kTight = 1e-10;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Uniform on (-1, 1); the same in every solve.
double random_number(Index i) {
    const auto k = static_cast<std::uint64_t>(i);
    const auto bits = philox4x32(
        {static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32), 0, 0}, {0, 0});
    return (bits[0] + 0.5) * 0x1p-31 - 1.0;
}

// Ends when little of a random right-hand side is left. A direction of no positive curvature keeps its
// share as long as all Ritz values are positive, since |p(lambda)| >= 1 for lambda <= 0 where
// p(0) = 1 and all roots are positive. One with a share below 1e-4 / sqrt(unknowns), which is met by
// chance with a probability of about 1e-4, would be overlooked.
class StopByShare {
public:
    static constexpr bool kAfterStep = false;
    explicit StopByShare(Index size) : most_(1e-8 / static_cast<double>(size)) {}

    bool reached(Index lane, const CgProgress& now, const Lanczos&) {
        if (first_[lane] == 0.0) first_[lane] = now.energy;
        return now.energy <= most_ * first_[lane];
    }

private:
    double most_;  // in squares
    Lanes first_ = Lanes::Zero();
};

// Conjugate gradients with such a B. Where couplings vary with c it is carried from the reference to
// each state by S B S, S^2 the diagonal of A(reference) over that of A(c): with u = S v the equation
// -div(k grad u) = f becomes one whose leading coefficient is the reference's, with a potential
// (Concus, Golub, SIAM J. Numer. Anal. 10, 1973), so that contrast as such costs no iterations.
//
// A lane for which that is not enough goes on with a B of its own, made at its state: so a reference
// may be as far away as it likes.
class ReferenceSolver final : public EllipticSolver {
public:
    ReferenceSolver(std::string name, SharedOperator a, Prepare prepare, const Vector& reference,
                    Definite definite, bool threaded, double tolerance)
        : name_(std::move(name)),
          a_(std::move(a)),
          scaled_(!a_->varies_on_diagonal_only()),
          rows_(*a_),
          prepare_(std::move(prepare)),
          coefficient_(reference),
          preconditioner_(prepared(reference)),
          definite_(definite),
          threaded_(threaded),
          tolerance_(tolerance) {}

    // Whether A is positive definite at the first reference.
    bool ready() const { return preconditioner_ != nullptr; }
    std::string name() const override { return name_; }
    bool threaded() const override { return threaded_; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }
    SharedReferenceState reference(const Vector& c) const override {
        return c == coefficient_ ? preconditioner_ : prepared(c);
    }

private:
    SharedPreconditioner prepared(const Vector& coefficient) const {
        Block values = a_->values();
        a_->assemble(coefficient.array().replicate(1, kLanes), values);
        return prepare_(values.col(0).matrix());
    }

    struct Work final : EllipticSolver::Work {
        explicit Work(const ReferenceSolver& s)
            : solver(s),
              values(s.a_->values()),
              scale(FloatBlock::Zero(s.scaled_ ? s.a_->size() : 0, kLanes)),
              cg(s.a_->size(), kMostIterations + 1),
              rhs(zeros(s.tolerance_ < kTight ? s.a_->size() : 0)),
              random(zeros(s.definite_ == Definite::kAlways ? 0 : s.a_->size())) {
            refer(s.preconditioner_);
        }

        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector>) override {
            solver.a_->assemble(c, values);
            const LowerPattern& pattern = solver.a_->pattern();
            const Vector& there = preconditioner->diagonal;
            for_rows(scale.rows(), [&](Index i) {
                scale.row(i) =
                    (there[i] / values.row(pattern.column_start[i])).sqrt().cast<float>();
            });
            refused = Lanes::Zero();
            const Lanes doubted = doubtful(solver.definite_, c);
            if ((doubted != 0.0).any()) refused = probe(doubted);
            for (Block& x : rhs) solve(x);
        }
        void solve(Block& x) override {
            const SingleRange range(x);
            cg.iterations.setZero();
            auto stop = [&](double unit) { return StopByReference(solver.tolerance_, unit); };
            const Index kept = rhs.rows();
            for_rows(kept, [&](Index k) { rhs.row(k) = x.row(k); });
            Lanes failed = refused;
            failed += iterate(x, true, working(failed), stop);
            if (kept > 0) {
                solver.rows_.times(values, cg.solution, cg.image);
                for_rows(kept, [&](Index k) { x.row(k) = rhs.row(k) - cg.image.row(k); });
                failed += iterate(x, false, working(failed), stop);
            }
            for_rows(x.rows(), [&](Index k) { x.row(k) = cg.solution.row(k) + failed; });
            range.undo(x);
        }
        static Lanes working(const Lanes& failed) {
            return (failed == 0.0).select(Lanes::Ones(), 0.0);
        }

        // NaN in those of the lanes where A is not positive definite.
        Lanes probe(const Lanes& lanes) {
            for_rows(random.rows(), [&](Index i) {
                const double size = std::sqrt(preconditioner->diagonal[i] / preconditioner->unit);
                random.row(i) = lanes * (size * random_number(i));
            });
            return iterate(random, true, lanes, [&](double) { return StopByShare(random.rows()); });
        }

        auto product() {
            return [this](const FloatBlock& z, const Lanes* beta, Block& p, Block& w) {
                cg::direction(z, beta, p);
                solver.rows_.times(values, p, w);
                return cg::dot(p, w);
            };
        }
        // Adds the solution for r to cg.solution, or writes it there if `fresh`; NaN in the lanes
        // that fail. `stop(unit)`: when to stop.
        template <class Stop>
        Lanes iterate(Block& r, bool fresh, const Lanes& active, Stop&& stop) {
            const auto ends = conjugate_gradients(
                r, active, fresh, stop(preconditioner->unit), kMostIterations, product(),
                [&](const Block& left, bool) -> const FloatBlock& {
                    return precondition(*at_work, left, true);
                },
                cg);
            Lanes failed = Lanes::Zero();
            for (Index lane = 0; lane < kLanes; ++lane)
                if (ends[lane] == CgEnd::kIndefinite ||
                    (ends[lane] == CgEnd::kStalled && !go_on(r, lane, stop)))
                    failed[lane] = kNaN;
            return failed;
        }
        // From where a lane stands, with what is prepared at its own state.
        template <class Stop>
        bool go_on(const Block& r, Index lane, Stop&& stop) {
            const SharedPreconditioner own = solver.prepare_(values.col(lane).matrix());
            if (!own) return false;
            const auto work = own->work();
            Block left = Block::Zero(r.rows(), kLanes);
            left.col(lane) = r.col(lane);
            Lanes active = Lanes::Zero();
            active[lane] = 1.0;
            return conjugate_gradients(
                       left, active, false, stop(own->unit), kMostIterations, product(),
                       [&](const Block& now, bool) -> const FloatBlock& {
                           return precondition(*work, now, false);
                       },
                       cg)[lane] == CgEnd::kReached;
        }

        const FloatBlock& precondition(Preconditioner::Work& b, const Block& r, bool carried) {
            FloatBlock &in = b.rhs(), &out = b.result();
            for_rows(r.rows(), [&](Index k) { in.row(k) = r.row(k).cast<float>(); });
            if (carried) for_rows(scale.rows(), [&](Index k) { in.row(k) *= scale.row(k); });
            b.apply();
            if (carried) for_rows(scale.rows(), [&](Index k) { out.row(k) *= scale.row(k); });
            return out;
        }
        Lanes iterations() const override { return cg.iterations; }
        void refer(SharedReferenceState reference) override {
            preconditioner = std::static_pointer_cast<const Preconditioner>(std::move(reference));
            at_work = preconditioner->work();
        }

        const ReferenceSolver& solver;
        SharedPreconditioner preconditioner;
        std::unique_ptr<Preconditioner::Work> at_work;
        Block values;
        FloatBlock scale;  // empty without scaling
        CgWorkspace cg;
        Block rhs;                      // empty where the residual is never taken afresh
        Block random;                   // empty where A is always positive definite
        Lanes refused = Lanes::Zero();  // NaN where A is known not to be positive definite
    };

    std::string name_;
    SharedOperator a_;
    bool scaled_;
    SymmetricRows rows_;
    Prepare prepare_;
    Vector coefficient_;  // at theta = 0
    SharedPreconditioner preconditioner_;
    Definite definite_;
    bool threaded_;
    double tolerance_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> frozen_solver(SharedOperator a, const Matrix& coordinates,
                                                    const Vector& reference, Definite definite,
                                                    double tolerance) {
    auto prepare = prepare_factor(a->pattern(), coordinates);
    auto solver = std::make_shared<ReferenceSolver>("frozen", std::move(a), prepare, reference,
                                                    definite, false, tolerance);
    return solver->ready() ? solver : nullptr;
}

std::shared_ptr<const EllipticSolver> aggregation_solver(SharedOperator a, const Vector& reference,
                                                         Definite definite, double tolerance) {
    auto prepare = prepare_cycle(a->pattern());
    const bool large = a->size() >= kWorthThreads;
    auto solver = std::make_shared<ReferenceSolver>("aggregation", std::move(a), prepare, reference,
                                                    definite, large, tolerance);
    return solver->ready() ? solver : nullptr;
}

}  // namespace m4dl
