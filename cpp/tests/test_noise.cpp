// Every noise against the dense precision matrix S that it stands for: r' S r / 2, S r and S v.
#include "check.hpp"
#include "m4dl/noise/any.hpp"
#include "m4dl/noise/low_rank.hpp"

using namespace m4dl;

namespace {

void check(const AnyNoise& noise, const Matrix& precision) {
    const Index m = precision.rows();
    const Block y = Block::Random(m, kLanes), data = Block::Random(m, kLanes);
    const Matrix r = (y - data).matrix(), product = precision * r;
    const auto work = noise.work();
    const Lanes misfit = work->misfit(y, data);
    Block slope(m, kLanes), v = Block::Random(m, kLanes);
    work->slope(y, data, slope);
    const Matrix fisher = precision * v.matrix();
    work->fisher(v);
    const double scale = 1e-13 * precision.norm() * static_cast<double>(m);  // of sums of m terms
    CHECK(((misfit - 0.5 * (r.array() * product.array()).colwise().sum()).abs() < scale).all());
    CHECK((slope.matrix() - product).cwiseAbs().maxCoeff() < scale);
    CHECK((v.matrix() - fisher).cwiseAbs().maxCoeff() < scale);

    Block lost = y;
    lost(1, 3) = std::numeric_limits<double>::quiet_NaN();
    const Lanes found = work->misfit(lost, data);
    for (Index l = 0; l < kLanes; ++l) CHECK(l == 3 ? std::isnan(found[l]) : found[l] == misfit[l]);
}

}  // namespace

int main() {
    constexpr Index kData = 5, kRank = 2;
    const Vector std = Vector::LinSpaced(kData, 0.2, 1.0);
    const GaussianNoise diagonal(std);
    const Matrix precision = diagonal.precision().asDiagonal();
    check(AnyNoise(std::make_shared<const GaussianNoise>(diagonal)), precision);

    const Matrix u = Matrix::Random(kData, kRank);
    const Vector weight = Vector::LinSpaced(kRank, 0.3, 0.6), mean = Vector::Zero(kData);
    const Matrix corrected = precision - u * weight.asDiagonal() * u.transpose();
    check(AnyNoise(std::make_shared<const LowRankNoise>(diagonal, ErrorModel(mean, u, weight))),
          corrected);
    const ErrorModel none(mean, Matrix(kData, 0), Vector(0));
    check(AnyNoise(std::make_shared<const LowRankNoise>(diagonal, none)), precision);
    return 0;
}
