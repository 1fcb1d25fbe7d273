//! The messages of findings: the observation, and the clips with which the picture was compared.

use easysight_sdk::Text;

use crate::report::By;

/// Returns the message of a dirty lens. `percent` is the percentage of the picture behind dirt, and `looks` the number
/// of clean checks that were compared: 0 if this picture was judged alone.
pub(crate) fn message(by: By, percent: f64, looks: u32) -> Text {
    let (zh, en) = match by {
        By::Learned => (
            format!("约 {percent:.0}% 的画面像是隔着水滴、污渍或蛛网拍摄"),
            format!("{percent:.0} % of the picture looks as if it were behind drops, dirt or a web"),
        ),
        By::Blurred => (
            "画面其余部分清晰，标出的部分却始终模糊".to_owned(),
            "the marked parts of the picture are blurred all the time while the rest is sharp".to_owned(),
        ),
        By::Share if looks > 0 => {
            (format!("约 {percent:.0}% 的画面被遮蔽"), format!("something is in front of {percent:.0} % of the picture"))
        }
        By::Share => (
            format!("静止的模糊斑点占画面 {percent:.0}%"),
            format!("static soft spots cover {percent:.0} % of the picture"),
        ),
        By::Threads => (
            "画面上有蛛丝或划痕般的细亮线".to_owned(),
            "thin bright lines cross the picture, like a web or scratches".to_owned(),
        ),
        By::Film => (
            "近处和远处的景物同样失去对比度，像隔着水雾或油膜".to_owned(),
            "near and far parts of the picture have lost contrast alike, as behind mist or grease".to_owned(),
        ),
        By::Rings => (
            "画面上有许多闭合的暗环，像玻璃上的水滴".to_owned(),
            "many dark closed rings are in the picture, like drops on the glass".to_owned(),
        ),
        By::Discs => (
            "画面各处都有小而圆的暗斑，像玻璃上的灰尘".to_owned(),
            "small round dark spots are all over the picture, like dust on the glass".to_owned(),
        ),
        By::Border => (
            "画面四周模糊而中间清晰，像护罩玻璃从边缘起雾".to_owned(),
            "the picture is blurred all along its border and sharp in the middle, as behind glass that mists up \
             from its rim"
                .to_owned(),
        ),
    };
    if looks > 0 {
        Text::new(
            format!("镜头脏污：{zh}，镜头干净时的 {looks} 次画面并非如此。"),
            format!("The lens is dirty: {en}, unlike in {looks} earlier checks with a clean lens."),
        )
    } else {
        Text::new(
            format!("镜头疑似脏污：{zh}（仅凭这一次画面判断）。"),
            format!(
                "The lens seems dirty: {en} (judged by this picture alone; some checks with a clean lens would make \
                 the result more certain)."
            ),
        )
    }
}
